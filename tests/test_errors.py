"""Errors of the operating system in words, and errors that travel between processes."""

from __future__ import annotations

import errno
import os
import pickle
import re
from pathlib import Path

import pytest

from submitter import errors
from submitter.errors import InputError, NotInstalledError, RunError, SeveralErrors, from_os_error, os_reason, raise_all


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_has_words_and_no_number(number: int) -> None:
    error = OSError(number, os.strerror(number), "/some/path")
    refused = from_os_error(error)
    assert "/some/path" in refused.message
    assert refused.hint
    text = refused.message + refused.hint
    assert not re.search(rf"\[?Errno|\b{number}\b(?!6)|{errno.errorcode[number]}", text.replace("ulimit -n 4096", ""))
    assert "\n" not in text


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "permission denied"),
        (errno.EPERM, "permission denied"),
        (errno.EROFS, "read-only"),
        (errno.EISDIR, "it is a folder"),
        (errno.ENOTDIR, "a part of the path is a file"),
        (errno.ENAMETOOLONG, "name is too long"),
        (errno.EMFILE, "too many files are open"),
        (errno.EIO, "input/output error"),
        (errno.ESTALE, "network file system no longer has it"),
        (errno.ELOOP, "links lead in a circle"),
        (errno.ENOENT, "does not exist"),
    ],
)
def test_wrong_input_of_the_system_exits_2(number: int, words: str) -> None:
    refused = from_os_error(OSError(number, os.strerror(number), "/x"))
    assert isinstance(refused, InputError)
    assert words in refused.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_a_failed_run_whose_finished_runs_are_kept(number: int) -> None:
    refused = from_os_error(OSError(number, os.strerror(number), "/x"))
    assert isinstance(refused, RunError)
    assert refused.exit_code == 4
    assert "finished runs are kept" in refused.hint
    assert "/x" in refused.message


def test_too_many_open_files_has_its_remedy() -> None:
    assert "ulimit -n" in from_os_error(OSError(errno.EMFILE, "x")).hint


def test_the_path_is_that_of_the_system_else_the_callers() -> None:
    assert from_os_error(OSError(errno.EACCES, "x", "/a"), Path("/b")).message == "/a: permission denied"
    assert from_os_error(OSError(errno.EACCES, "x"), Path("/b")).message == "/b: permission denied"
    assert from_os_error(OSError(errno.EACCES, "x", b"/a")).message == "/a: permission denied"
    assert from_os_error(OSError(errno.EACCES, "x", 7)).message == "permission denied"  # a descriptor
    assert from_os_error(OSError(errno.EXDEV, "x", "/a", None, "/b")).message.startswith("/a to /b: ")


def test_a_file_in_the_place_of_a_folder_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(FileExistsError) as caught:
        (tmp_path / "out").mkdir(exist_ok=True)
    assert from_os_error(caught.value).message == f"{tmp_path / 'out'}: it is a file, and a folder is required"


def test_an_error_without_a_number_keeps_its_text() -> None:
    assert os_reason(OSError("The device went away")) == "the device went away"
    assert os_reason(OSError()) == "the operating system refuses it"


@pytest.mark.parametrize("kind", [InputError, NotInstalledError, RunError])
def test_an_error_is_whole_in_another_process(kind: type[errors.SubmitterError]) -> None:
    found = pickle.loads(pickle.dumps(kind("what", "how")))
    assert (type(found), found.message, found.hint) == (kind, "what", "how")


def test_several_errors_are_whole_in_another_process() -> None:
    found = pickle.loads(pickle.dumps(SeveralErrors([InputError("a", "b"), RunError("c")])))
    assert [problem.message for problem in found.problems] == ["a", "c"]
    assert found.exit_code == 2


def test_raise_all_raises_the_only_one_as_it_is() -> None:
    raise_all([])
    with pytest.raises(InputError, match=r"^one$"):
        raise_all([InputError("one")])
    with pytest.raises(SeveralErrors) as error:
        raise_all([InputError("one"), InputError("two")])
    assert len(error.value.problems) == 2
