"""Files that a person named: read, or refused in words."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from submitter.errors import InputError
from submitter.input_file import read_bytes, read_json_object, read_text, require_file


def test_a_file_is_read_without_its_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'\xef\xbb\xbf{"a": "\xc3\xa9"}')
    assert read_bytes(tmp_path / "a").startswith(b"\xef\xbb\xbf")
    assert read_text(tmp_path / "a") == '{"a": "é"}'
    assert read_json_object(tmp_path / "a") == {"a": "é"}
    assert require_file(tmp_path / "a") == 14


def refused(path: Path, *words: str) -> None:
    with pytest.raises(InputError) as error:
        read_json_object(path, "system description", "make one")
    for word in (str(path), *words):
        assert word in error.value.message
    assert "\n" not in error.value.message


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "there is no system description")
    refused(tmp_path, "is a folder, not a system description")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "is a pipe or a device")
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "loop", "links lead in a circle")
    (tmp_path / "file").touch()
    refused(tmp_path / "file/below", "there is no system description")
    refused(tmp_path / ("n" * 300), "name is too long")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff", "it is not UTF-8 text (byte 0)"),
        (b"{", "is not a JSON file: Expecting property name enclosed in double quotes: line 1 column 2"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[]", "is not a JSON object"),
        (b"5", "is not a JSON object"),
    ],
)
def test_other_content_is_refused_with_its_reason(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    refused(tmp_path / "a", words)
