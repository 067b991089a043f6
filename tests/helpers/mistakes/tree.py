"""Mistakes in the finished tree. A rehearsal's tree waives only what a short run cannot have."""

from __future__ import annotations

import re
from collections.abc import Callable

from ready_campaign import SYSTEM, Ready

from mistakes.edits import Edit, append, cut, fields, remove, replace, write
from mistakes.record import Base, Mistake, Stage

_OWNER = "out/preview/closed/Example"
_RESULT = f"{_OWNER}/results/{SYSTEM}/llama2-70b-99.9/Server"
_LOG = f"{_RESULT}/performance/run_1/mlperf_log_detail.txt"


def _logged(key: str, value: Callable[[str], str] | str) -> Edit:
    """Another value of a key in the performance run's detail log."""

    def edit(made: Ready) -> None:
        path = made.folder / _LOG
        text, count = re.subn(rf'("key": "{key}", "value": )([^,]+)', rf"\g<1>{value}", path.read_text())
        assert count, f"the log has no {key}"
        path.write_text(text)

    return edit


def _found(name: str, what: str, make: Edit, message: str, *also: str, code: int = 1, varies: bool = False) -> Mistake:
    return Mistake(
        id=f"check-{name}",
        what=what,
        make=make,
        base=Base.FINISHED,
        stage=Stage.CHECK,
        message=message,
        also=also,
        code=code,
        varies=varies,
    )


MISTAKES = (
    _found(
        "seeds",
        "the seeds of another round",
        _logged("effective_qsl_rng_seed", "1"),
        "qsl_rng_seed is not the round's",
    ),
    _found(
        "invalid",
        "a run that LoadGen reports as INVALID",
        _logged("result_validity", '"INVALID"'),
        "LoadGen reports the run as invalid",
    ),
    _found(
        "figure",
        "a figure that was edited",
        _logged("result_completed_tokens_per_second", "99999.9"),
        "the token rate and the mean latency give different numbers of tokens",
    ),
    _found(
        "scenario",
        "the logs of another scenario",
        _logged("effective_scenario", '"Offline"'),
        "the run's scenario is not that of its folder",
    ),
    _found(
        "log-cut",
        "a detail log that is cut off",
        cut(_LOG),
        "is not a LoadGen entry",
        "mlperf_log_detail.txt",
        varies=True,
    ),
    _found("log-missing", "no detail log", remove(_LOG), "the detail log is missing"),
    _found("readme", "no README.md", remove(f"{_RESULT}/README.md"), "a required file is missing", "README.md"),
    _found("measurements", "no measurements.json", remove(f"{_RESULT}/measurements.json"), "MEA001"),
    _found(
        "score",
        "a score that was raised",
        replace(f"{_RESULT}/accuracy/accuracy.txt", "'rouge1': 100", "'rouge1': 200"),
        "the file was changed after it was assembled",
        "Server/accuracy/accuracy.txt",
    ),
    _found("score-missing", "no accuracy.txt", remove(f"{_RESULT}/accuracy/accuracy.txt"), "STR003", "accuracy.txt"),
    _found("test", "no TEST06", remove(f"{_RESULT}/TEST06"), "TEST06 is missing"),
    _found(
        "test-failed",
        "a TEST06 that failed",
        replace(f"{_RESULT}/TEST06/verify_accuracy.txt", "EOS check pass: True", "EOS check pass: False"),
        "TEST06: EOS check pass did not pass",
    ),
    _found(
        "system",
        "no system description",
        remove(f"{_OWNER}/systems/{SYSTEM}.json"),
        "the system description is missing",
    ),
    _found(
        "status",
        "a status that does not exist",
        fields(f"{_OWNER}/systems/{SYSTEM}.json", status="soon"),
        "the round does not know this status",
        "soon",
    ),
    _found(
        "documents",
        "no calibration.md",
        remove(f"{_OWNER}/documentation/calibration.md"),
        "the calibration document is missing",
    ),
    _found(
        "unfilled",
        "a part that is still to be written",
        append(f"{_OWNER}/documentation/calibration.md", "TODO(person): formats\n"),
        "a part that a person must write is missing",
    ),
    _found(
        "secret",
        "a key left in the tree",
        write(f"{_OWNER}/src/id_rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        "a secret is part of the submission",
    ),
    _found(
        "rate",
        "another target rate in user.conf than in the log",
        replace(f"{_RESULT}/user.conf", "target_qps = 400", "target_qps = 500"),
        "the file was changed after it was assembled",
        "Server/user.conf",
    ),
    _found(
        "changed",
        "code that was changed after assembly",
        append(f"{_OWNER}/src/llama2-70b-99.9/submitter/sut.py", "# mine\n"),
        "the file was changed after it was assembled",
        "sut.py",
    ),
    # Warnings: they do not fail the check.
    _found(
        "audit",
        "an audit.config left in the tree",
        write(f"{_RESULT}/audit.config", "*.*.mode = 2\n"),
        "warning: an audit file is among the results",
        code=0,
    ),
    _found(
        "space",
        "a file with a space in its name",
        write(f"{_RESULT}/my notes.txt", "x"),
        "warning: the name contains a space",
        code=0,
    ),
)
