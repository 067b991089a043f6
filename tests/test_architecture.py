"""docs/architecture.md names files and functions: they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "submitter"
TEXT = (REPOSITORY / "docs/architecture.md").read_text("utf-8")
# `folder/file.py` `name`, and files alone; those of the drawing stand below their room.
NAMED = re.findall(r"`([\w/]+\.py)`\s+`(\w+)`", TEXT)
FILES = sorted(set(re.findall(r"`([\w/]+\.py)`", TEXT)))
DRAWN = re.findall(r"[\w/]+\.py", TEXT.split("## The rooms")[1].split("Imports go down only")[0])


def test_the_walks_name_functions() -> None:
    assert len(NAMED) > 15


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda value: str(value))
def test_a_named_function_is_there(file: str, name: str) -> None:
    text = (PACKAGE / file).read_text("utf-8")
    assert re.search(rf"^(def|class) {name}\b", text, re.MULTILINE), f"{file} has no {name}"


@pytest.mark.parametrize("file", FILES)
def test_a_named_file_is_there(file: str) -> None:
    assert (PACKAGE / file).is_file() or (REPOSITORY / file).is_file()


@pytest.mark.parametrize("file", sorted(set(DRAWN)))
def test_a_drawn_file_is_there(file: str) -> None:
    assert list(PACKAGE.rglob(file)), file
