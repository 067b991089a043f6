"""The child process's own doings around a run."""

from __future__ import annotations

import gc

import pytest

from submitter.harness.child import _without_collector


def test_no_garbage_is_collected_during_a_run() -> None:
    """And it is again after one that failed."""
    assert gc.isenabled()
    with _without_collector():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(RuntimeError), _without_collector():
        raise RuntimeError
    assert gc.isenabled()
