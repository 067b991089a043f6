"""An engine that misbehaves in the middle of a campaign: Offline's runs are finished, Server's first has begun."""

from __future__ import annotations

from functools import partial

from faults.record import Fault
from faults.site import Ended, Site

_LOADING, _ANSWERING = "run, loading", "run"
_STALLED = "timed out waiting for the next finished sample"
_NOT_LOADED = "timed out waiting for the engine to load"


def _misbehave(site: Site, *, name: str, limit_s: float) -> Ended:
    running = site.start("run-all", site.file, env={"INJECTED_FAULT": name})
    if name.startswith("loading_"):
        running.wait_for("^engine +loading")
    else:
        running.wait_for("^Offline TEST06")
    running.at_fault()
    return running.end(limit_s + 15)


def _fault(name: str, what: str, message: str, *, is_harmless: bool = False) -> Fault:
    within_s = 25.0
    return Fault(
        id=f"engine-{name.replace('_', '-')}",
        what=what,
        stage=_LOADING if name.startswith("loading_") else _ANSWERING,
        inject=partial(_misbehave, name=name, limit_s=within_s),
        message=message,
        within_s=within_s,
        is_harmless=is_harmless,
    )


FAULTS = (
    _fault("loading_waits", "the engine waits forever while it loads", _NOT_LOADED),
    _fault("loading_blocks", "the engine blocks its whole process while it loads", _NOT_LOADED),
    _fault("loading_fails", "the engine raises an error while it loads", "the device has fallen off the bus"),
    _fault("loading_closes_descriptors", "the engine closes all file descriptors, and hangs", "the engine's process"),
    _fault("hangs", "the engine stops answering", _STALLED),
    _fault("hangs_after_the_first_token", "the engine gives first tokens, and no second one", _STALLED),
    _fault("blocks", "the engine blocks its whole process while it answers", _STALLED),
    _fault("never_for_one", "the engine never answers one sample", _STALLED),
    _fault("dies", "the engine's process exits", "the engine's process ended with status 1"),
    _fault("crashes", "the engine's process crashes", "the engine's process ended by SIGSEGV"),
    _fault("raises", "the engine raises an error", "the scheduler lost the request"),
    _fault("raises_exit", "the engine raises SystemExit", "the engine failed: "),
    _fault("raises_cancelled", "the engine raises CancelledError", "the engine failed: "),
    _fault("out_of_order", "the engine answers out of order", "", is_harmless=True),
    _fault("twice", "the engine answers twice", "the engine continued after the EOS token"),
    _fault("too_many_tokens", "the engine returns too many tokens", "the engine returned 65 tokens, the limit is 64"),
    _fault("no_token", "the engine returns no token", "the engine returned an empty answer"),
    _fault("no_number", "the engine returns text instead of token ids", "the engine failed: "),
    _fault("loadgen_fails_to_start", "LoadGen refuses to start", "LoadGen: the test settings are invalid"),
    _fault("loadgen_gets_an_answer_twice", "LoadGen gets each answer twice", "Server performance"),
    _fault("loadgen_is_told_no_length", "LoadGen reports an error in its log", "LoadGen reports an error"),
)
