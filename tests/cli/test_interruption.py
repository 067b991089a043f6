"""A signal ends a command also where something swallows what it raises."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from submitter.cli.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hook = sys.unraisablehook
    handled = Interruption()
    handled.handle()
    try:
        yield handled
    finally:
        sys.unraisablehook = hook
    for number, handler in before.items():
        signal.signal(number, handler)


class Held:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_that_is_swallowed_is_raised_again(
    interruption: Interruption, capsys: pytest.CaptureFixture[str]
) -> None:
    interruption.raise_if_lost()
    held = Held()
    del held  # Python ignores what __del__ raises
    with pytest.raises(KeyboardInterrupt):
        interruption.raise_if_lost()
    assert interruption.exit_code == 143
    assert capsys.readouterr().err == ""  # neither "Exception ignored" nor a traceback


def test_a_second_signal_leaves_the_cleaning_up_alone(interruption: Interruption) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    os.kill(os.getpid(), signal.SIGTERM)
    assert interruption.exit_code == 130
