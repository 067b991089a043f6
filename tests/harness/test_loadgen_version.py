"""Which rounds the installed LoadGen can make runs for: by its version and by the seeds that it has built in."""

from __future__ import annotations

from importlib import metadata
from types import SimpleNamespace

import pytest

from submitter import packages, plugins
from submitter.errors import NotInstalledError
from submitter.harness import loadgen
from submitter.rulebook import Rulebook, load_rulebook

pytest.importorskip("mlperf_loadgen")

BOOKS = [load_rulebook(name) for name in plugins.names("submitter.rulebooks", ".toml")]


def reporting(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version)


def test_the_installed_one_can_make_the_runs_of_its_round_and_of_no_other() -> None:
    version = metadata.version("mlcommons-loadgen")
    (mine,) = (book for book in BOOKS if version in book.round.loadgen_versions)
    assert loadgen.require_for(mine) == version
    for other in BOOKS:
        if other is not mine:
            with pytest.raises(NotInstalledError, match=f"round {other.name} requires") as error:
                loadgen.require_for(other)
            assert error.value.hint == f"pip install mlcommons-loadgen=={other.round.loadgen_package}"


def test_the_seeds_are_those_that_loadgen_uses() -> None:
    seeds = loadgen.built_in_seeds()
    assert [book.name for book in BOOKS if book.seeds == seeds] == ["v6.1"]


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.name)
def test_the_package_of_a_round_is_accepted(monkeypatch: pytest.MonkeyPatch, book: Rulebook) -> None:
    """v4.1 lists the versions 4.0 and 4.1, and LoadGen's package of that round reports 4.1.30."""
    reporting(monkeypatch, book.round.loadgen_package)
    monkeypatch.setattr(loadgen, "built_in_seeds", lambda: book.seeds)
    assert loadgen.require_for(book) == book.round.loadgen_package


def test_a_version_of_two_rounds_has_the_seeds_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """6.0.4 is in the lists of v5.1 and v6.0: the seeds decide."""
    old, new = (book for book in BOOKS if book.name in ("v5.1", "v6.0"))
    reporting(monkeypatch, "6.0.4")
    monkeypatch.setattr(loadgen, "_module", lambda: module_with(old))
    assert loadgen.require_for(old) == "6.0.4"
    with pytest.raises(NotInstalledError, match=r"LoadGen 6\.0\.4 has the seeds of another round than v6\.0") as error:
        loadgen.require_for(new)
    assert error.value.hint == "pip install mlcommons-loadgen==6.0.15"


def module_with(book: Rulebook) -> SimpleNamespace:
    """A LoadGen with the seeds of a round: the real one of that round cannot be installed beside this one."""

    class Settings(SimpleNamespace):
        def FromConfig(self, *arguments: object) -> int:
            self.__dict__.update(dict(book.seeds))
            return 0

    return SimpleNamespace(TestSettings=Settings)


def test_without_loadgen(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", nothing)
    with pytest.raises(NotInstalledError, match="making runs needs the package mlcommons-loadgen") as error:
        loadgen.require_for(BOOKS[-1])
    assert error.value.hint == packages.install_command(packages.RUNS)
