"""The command line in this process: fast, and with what it wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from submitter import cli


class Done(NamedTuple):
    code: int
    out: str
    err: str


Submitter = Callable[..., Done]


@pytest.fixture
def submitter(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Submitter:
    def run(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["submitter", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        captured = capsys.readouterr()
        return Done(int(ended.value.code or 0), captured.out, captured.err)

    return run
