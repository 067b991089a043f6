"""Tests mirror the package: a stranger finds a module's tests by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PACKAGE = TESTS.parent / "submitter"
MODULES = sorted(
    path.relative_to(PACKAGE)
    for room in ("submission", "checker", "insight")
    for path in (PACKAGE / room).rglob("*.py")
    if not path.name.startswith("_")
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_modules_tests_are_in_the_file_of_its_name_or_of_its_first_words(module: Path) -> None:
    """`submission/power_run.py` has its tests in `tests/submission/test_power_run.py`, or in `test_power.py`."""
    words = module.stem.split("_")
    names = [f"test_{'_'.join(words[:count])}.py" for count in range(1, len(words) + 1)]
    assert any((TESTS / module.parent / name).is_file() for name in names), names
