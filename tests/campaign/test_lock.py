"""One process at a time in an output folder; and a lock is gone with the process that held it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from submitter.campaign import locked
from submitter.errors import InputError

HOLD = """
import sys, time
from pathlib import Path
from submitter.campaign import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_is_held_by_one_process_and_dies_with_it(tmp_path: Path) -> None:
    output = tmp_path / "deep" / "out"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(output)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError) as caught, locked(output):
            pass
        assert caught.value.message == f"another submitter process is using {output}"
        assert caught.value.hint == "wait until it ends, or stop it"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (output / ".lock").exists()
    with locked(output):
        pass
    with locked(output):
        pass


def test_an_error_inside_frees_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), locked(tmp_path):
        raise ValueError("inside")
    with locked(tmp_path):
        pass
