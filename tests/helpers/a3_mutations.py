"""What the official checker does not catch, or dies of: mutations of a submission of llama2-70b-99.9, tried on it.

The numbers are those of the survey of peers that the project started from; docs/validity.md has the table. Each
mutation edits a tree of v6.x by its paths and its texts, so a small generated tree serves as well as a published one.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from submission_tree import line

from submitter.checker.finding import Severity


class Place(Protocol):
    """Where a submission's parts lie; a result has its runs, its accuracy and TEST06 in its folder."""

    @property
    def submitter(self) -> Path: ...

    def result(self, scenario: str = ...) -> Path: ...

    def system_json(self) -> Path: ...


def _log(tree: Place, scenario: str = "Offline") -> Path:
    return tree.result(scenario) / "performance" / "run_1" / "mlperf_log_detail.txt"


def _score(tree: Place) -> Path:
    return tree.result() / "accuracy" / "accuracy.txt"


def _replace(path: Path, pattern: str, new: str) -> None:
    text, count = re.subn(pattern, lambda _: new, path.read_text())
    assert count, f"{path.name} has no {pattern}"
    path.write_text(text)


def _set(path: Path, key: str, value: str) -> None:
    """Give an entry of a detail log another value, spelled in JSON."""
    _replace(path, rf'(?<="key": "{key}", "value": ).*?(?=, "time_ms")', value)


def invalid(tree: Place) -> None:
    _set(_log(tree), "result_validity", '"INVALID"')
    _set(_log(tree), "result_min_duration_met", "false")


def servers_run_as_interactive(tree: Place) -> None:
    if not tree.result("Interactive").exists():
        shutil.copytree(tree.result("Server"), tree.result("Interactive"))
    shutil.rmtree(tree.result("Interactive") / "performance")
    shutil.copytree(tree.result("Server") / "performance", tree.result("Interactive") / "performance")


def error_line(tree: Place) -> None:
    _log(tree).write_text(_log(tree).read_text() + line("error_runtime", "something failed", error=True) + "\n")


def no_system(tree: Place) -> None:
    tree.system_json().unlink()


def short_hash(tree: Place) -> None:
    _replace(_score(tree), r"(?<=hash=)\w+", "deadbeef")


def servers_accuracy(tree: Place) -> None:
    shutil.rmtree(tree.result() / "accuracy")
    shutil.copytree(tree.result("Server") / "accuracy", tree.result() / "accuracy")


def numpy_number(tree: Place) -> None:
    _replace(_score(tree), r"(?<='rouge1': )'?[\d.]+'?", "np.float64(44.4)")


def no_equal_issue(tree: Place) -> None:
    _set(_log(tree), "effective_sample_concatenate_permutation", "false")


def no_documents(tree: Place) -> None:
    shutil.rmtree(tree.submitter / "documentation")
    for path in tree.submitter.glob("calibration*"):
        path.unlink()


def stray_files(tree: Place) -> None:
    for name in ("audit.config", "slurm-1.out", "my notes.txt"):
        (_log(tree).parent / name).write_text("x\n")


def secret_file(tree: Place) -> None:
    (_log(tree).parent / ".env").write_text("TOKEN=x\n")


def no_log(tree: Place) -> None:
    _log(tree).unlink()


def failed_length_check(tree: Place) -> None:
    path = tree.result() / "TEST06" / "verify_accuracy.txt"
    _replace(path, "Sample length check pass: True", "Sample length check pass: False")


def hundred_samples(tree: Place) -> None:
    _replace(_score(tree), r"(?<='gen_num': )\d+", "100")


def old_loadgen(tree: Place) -> None:
    _set(_log(tree), "loadgen_version", '"4.0.0 @ abc"')


def other_user_conf(tree: Place) -> None:
    (tree.result() / "user.conf").write_text("*.Offline.target_qps = 1\n")


def cut_log(tree: Place) -> None:
    text = _log(tree).read_text()
    _log(tree).write_text(text[: text.rindex("\n", 0, text.index('"key": "result_validity"')) + 1])


def no_summary(tree: Place) -> None:
    (_log(tree).parent / "mlperf_log_summary.txt").unlink()


def no_audit_answers(tree: Place) -> None:
    shutil.rmtree(tree.result() / "TEST06" / "accuracy")


def empty_source(tree: Place) -> None:
    shutil.rmtree(tree.submitter / "src")
    (tree.submitter / "src").mkdir()


def only_offline(tree: Place) -> None:
    for scenario in ("Server", "Interactive"):
        shutil.rmtree(tree.result(scenario), ignore_errors=True)


def low_rouge(tree: Place) -> None:
    _replace(_score(tree), r"(?<='rouge1': )'?[\d.]+'?", "44.30")


PASSES, REFUSES, TRACEBACK = "passes", "refuses", "traceback"
OFFLINE, BOTH, SPARED = ("Offline",), ("Offline", "Server"), ()


@dataclass(frozen=True)
class Row:
    """One mutation: the official verdict, our rules that find it, the results that it costs here, and how severe it is.

    `costs` are scenarios; where it is empty and the severity an error, the submission fails and its results stand.
    """

    id: str
    what: str
    mutate: Callable[[Place], None]
    official: str
    rules: tuple[str, ...]
    costs: tuple[str, ...] = OFFLINE
    severity: Severity = Severity.ERROR


# M8 and M9, a misspelt submitter and an empty folder, are wrong input: test_a3.py has them.
ROWS = (
    Row("M1", "Offline's run is INVALID, its minimum duration not met", invalid, PASSES, ("PRF007", "PRF010")),
    Row("M2", "Server's run filed as Interactive", servers_run_as_interactive, PASSES, ("PRF013",), ("Interactive",)),
    Row("M3", "an error line in the performance log", error_line, PASSES, ("PRF015",)),
    Row("M4", "the system's description is missing", no_system, TRACEBACK, ("SYS001",), BOTH),
    Row("M5", "`hash=deadbeef`", short_hash, PASSES, ("ACC006",)),
    Row("M6", "Server's accuracy run as Offline's", servers_accuracy, PASSES, ("ACC011",)),
    Row("M10", "`'rouge1': np.float64(44.4)`", numpy_number, REFUSES, ("ACC001",)),
    Row("M11", "equal issue off", no_equal_issue, PASSES, ("PRF016",)),
    Row("M12", "documents about calibration and bandwidth removed", no_documents, PASSES, ("STR011",), SPARED),
    Row(
        "M13a",
        "audit.config, a job's log, a name with spaces",
        stray_files,
        PASSES,
        ("STR013", "STR014", "STR015"),
        SPARED,
        Severity.WARNING,
    ),
    Row("M13b", "a `.env` among the logs", secret_file, PASSES, ("STR013",), SPARED),
    Row("M14", "the performance run's detail log is missing", no_log, TRACEBACK, ("STR001",)),
    Row("M15", "TEST06's length check failed", failed_length_check, REFUSES, ("CMP003",)),
    Row("M17", "`gen_num` 100 of 24576", hundred_samples, PASSES, ("ACC004",)),
    Row("M18", "LoadGen 4.0.0", old_loadgen, PASSES, ("PRF005",)),
    Row("M19", "user.conf contradicts the log", other_user_conf, PASSES, ("MEA004",), SPARED, Severity.WARNING),
    Row("M20", "the performance log ends before its results", cut_log, REFUSES, ("PRF001",)),
    Row("M21", "mlperf_log_summary.txt is missing", no_summary, PASSES, ("STR004",)),
    Row("M22", "TEST06's accuracy log is missing", no_audit_answers, PASSES, ("CMP007",)),
    Row("M23", "an empty source folder", empty_source, PASSES, ("STR010",), BOTH),
    Row("M24", "neither Server nor Interactive", only_offline, REFUSES, ("STR008",)),
    Row("M25", "ROUGE1 44.30, which needs 44.3868", low_rouge, REFUSES, ("ACC002",)),
)
