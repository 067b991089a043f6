"""Constants are read and never run, whatever a file has in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError
from submitter.rulebook_import.literals import Product, Source, models_in, returned_names


def source(folder: Path, text: str) -> Source:
    path = folder / "constants.py"
    path.write_text(text, "utf-8")
    return Source(path)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("10 * 1024", 10240),
        ("-3 - 2 / 4", -3.5),
        ("{'a': (1, None, True), B: ['x']}", {"a": (1, None, True), "b": ["x"]}),
        ("['x'] + LIST", ["x", "y"]),
        ("'one ' 'text' + B", "one textb"),
        ("(100.0 - 2.0671) * 0.99", (100.0 - 2.0671) * 0.99),
    ],
)
def test_literals_arithmetic_and_names_are_read(tmp_path: Path, expression: str, value: Any) -> None:
    assert source(tmp_path, f"B = 'b'\nLIST = ['y']\nA = {expression}\n").constant("A") == value


def test_a_product_keeps_its_factors(tmp_path: Path) -> None:
    for expression in ("0.7286 * 0.99", "0.99 * 0.7286"):
        product = source(tmp_path, f"A = {expression}").constant("A")
        assert isinstance(product, Product)
        assert (product.reference, product.factor) == (0.7286, 0.99)
        assert product == 0.7286 * 0.99


@pytest.mark.parametrize(
    "expression",
    [
        "open('was-run', 'w')",
        "[x for x in 'ab']",
        "{**B}",
        "{[1]: 2}",
        "f'{B}'",
        "2 ** 64",
        "2 ** 9 ** 9 ** 9",
        "99999999999999999999 * 99999999999999999999",
        "'x' * 9999999",
        "1 / 0",
        "'a' + 1",
        "UNKNOWN",
        "B.attribute",
        "lambda: 1",
    ],
)
def test_what_is_no_literal_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expression: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"constants\.py:2: A is not a literal: A = "):
        source(tmp_path, f"B = 'b'\nA = {expression}\n").constant("A")
    assert not (tmp_path / "was-run").exists()


def test_values_that_grow_are_refused(tmp_path: Path) -> None:
    doubled = "\n".join(f"L{n + 1} = L{n} + L{n}" for n in range(40))
    with pytest.raises(InputError, match=r"A is not a literal: L\d+ ="):
        source(tmp_path, f"L0 = [1, 2]\n{doubled}\nA = L40\n").constant("A")


@pytest.mark.parametrize(
    "text", ["A = B\nB = A\n", "A = A + [1]\n", "A = " + "-" * 3000 + "1\n", "A = " + "1+" * 9999 + "1\n"]
)
def test_what_never_ends_ends(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=r"A is nested too deeply, or refers to itself|not Python that can be parsed"):
        source(tmp_path, text).constant("A")


@pytest.mark.parametrize("text", ["A = (\n", "A = '\x00'\n", "A = " + "(" * 500 + ")" * 500 + "\n"])
def test_what_is_not_python_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match="not Python"):
        source(tmp_path, text)


def test_lists_of_names_inside_functions_are_found(tmp_path: Path) -> None:
    text = (
        "class Config:\n"
        "    def listed(self):\n        return ['a', 'b']\n"
        "    def computed(self):\n        return self.models\n"
        "    def asked(self, model):\n        return model in ['a'] and self.version in ['v4.1']\n"
        "    def twice(self):\n        return self.model in ('a',) or self.model in ('b',)\n"
        "    def elsewhere(self, model):\n        return model in self.models\n"
    )
    code = source(tmp_path, text)
    assert returned_names(code.function("listed")) == ["a", "b"]
    assert returned_names(code.function("computed")) is None
    assert models_in(code.function("asked")) == ["a"]
    assert models_in(code.function("twice")) is None
    assert models_in(code.function("elsewhere")) is None
    assert models_in(code.function("missing")) is None
