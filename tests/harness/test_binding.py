"""Cores by name: read, refused, and really taken by a process's threads and its children."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
from echo_sessions import Watched
from pydantic import ValidationError

from submitter.errors import InputError
from submitter.harness.binding import Binding, cores
from submitter.model import Mode, Scenario

ALLOWED = sorted(os.sched_getaffinity(0))
needs_two = pytest.mark.skipif(len(ALLOWED) < 2, reason="one core")


def test_lists_of_cores() -> None:
    assert cores("0") == {0}
    assert cores("0-3, 8,10-11") == {0, 1, 2, 3, 8, 10, 11}


@pytest.mark.parametrize("text", ["", "a", "3-1", "1-", "0,,1", "0-99999999", "-1"])
def test_what_is_no_list_of_cores(text: str) -> None:
    with pytest.raises(ValueError, match="cores"):
        cores(text)
    with pytest.raises(ValidationError):
        Binding(harness=text)
    with pytest.raises(ValidationError):
        Binding(engines=(text,))


def test_a_core_that_is_not_there() -> None:
    Binding(harness=str(ALLOWED[0])).require_cores()
    with pytest.raises(InputError, match=r"names core 65000, but this process may use only cores"):
        Binding(engines=("0", "65000")).require_cores()


def test_as_many_sets_as_processes() -> None:
    with pytest.raises(InputError, match="has 2 lists of cores, but the engine has 1 processes"):
        Binding(engines=("0", "1")).apply([os.getpid()])


@needs_two
def test_a_process_with_all_its_threads_and_children() -> None:
    """A child with a thread and a child of its own, both there before they are bound."""
    code = (
        "import subprocess, sys, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "inner = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(inner.pid, flush=True)\n"
        "sys.stdin.read()\n"
        "inner.kill()\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as outer:
        assert outer.stdout is not None
        inner = int(outer.stdout.readline())
        last = ALLOWED[-1]
        Binding(engines=(str(last),)).apply([outer.pid])
        threads = [int(name) for name in os.listdir(f"/proc/{outer.pid}/task")]
        assert len(threads) == 2
        assert all(os.sched_getaffinity(thread) == {last} for thread in (*threads, inner))
        outer.communicate()
    assert sorted(os.sched_getaffinity(0)) == ALLOWED


@needs_two
def test_the_harness_itself() -> None:
    stop = threading.Event()
    other = threading.Thread(target=stop.wait)
    other.start()
    try:
        Binding(harness=str(ALLOWED[0])).apply([])
        assert os.sched_getaffinity(other.native_id or 0) == os.sched_getaffinity(0) == {ALLOWED[0]}
    finally:
        stop.set()
        other.join()
        os.sched_setaffinity(0, ALLOWED)


def test_a_session_is_bound(run_echo: Callable[..., Watched]) -> None:
    """Bound to a core there is, it runs; to one there is not, it says so before the engine loads."""
    runs = [(Scenario.OFFLINE, Mode.PERFORMANCE)]
    watched = run_echo(runs, engine={"binding": {"harness": str(ALLOWED[0])}})
    assert [done.run.mode for done in watched.finished] == [Mode.PERFORMANCE]
    with pytest.raises(InputError, match="names core 65000"):
        run_echo(runs, engine={"binding": {"harness": "65000"}})
