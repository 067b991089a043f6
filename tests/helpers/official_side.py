"""What a round's official checker says of each submitter of a tree, as JSON; run in a process of its own.

usage: official_side.py TOOLS ROUND TREE

TOOLS is `tools/submission` of mlcommons/inference as the round has it. Each submitter is judged by itself, so that a
traceback costs one submitter and not the tree. Prints {submitter: {"crash": text or null, "errors": [...],
"results": {path: {"metric", "units", "inferred"} or null}}}.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

# Flags that the reference verdicts of v6.0 were made with; the older rounds take their defaults.
_SKIPPED = (
    "skip_power_check",
    "skip_extra_files_in_root_check",
    "skip_all_systems_have_results_check",
    "skip_calibration_check",
)
_RESULT_DEPTH = 6
_ERRORS_KEPT = 40

Results = dict[str, dict[str, Any] | None]


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        noise = any(words in str(record.msg) for words in ("skipped for", "is unknown"))
        if len(self.said) < _ERRORS_KEPT and not noise:
            self.said.append(f"{record.filename}:{record.lineno} {record.getMessage()[:300]}")


def _is_result(path: str) -> bool:
    parts = path.split("/")
    return len(parts) == _RESULT_DEPTH and parts[2] == "results"


def _rows(text: str) -> dict[str, dict[str, str]]:
    """The summary's rows by result path; of a result with power the first, which is the performance."""
    rows: dict[str, dict[str, str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        location = (row.get("Location") or "").removeprefix("./").removesuffix("/performance/run_1")
        rows.setdefault(location, row)
    return rows


def _described(metric: Any, row: dict[str, str]) -> dict[str, Any]:
    # With power the older checkers give a sentence that begins with the performance.
    number = float(metric.split()[0]) if isinstance(metric, str) else float(metric)
    return {"metric": number, "units": row.get("Units"), "inferred": row.get("inferred")}


def _judge_before_v6(checker: Any, round_name: str, submitter: str) -> Results:
    config = checker.Config(round_name, "model_mapping.json")
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as summary:
        results, _ = checker.check_results_dir(config, submitter, False, summary)
        summary.seek(0)
        rows = _rows(summary.read())
    return {
        path: _described(metric, rows.get(path, {})) if metric else None
        for path, metric in results.items()
        if _is_result(path)
    }


def _judge_v6(package: Any, round_name: str, submitter: str) -> Results:
    main = package.main
    config = main.Config(round_name, "model_mapping.json", submitter=submitter, **dict.fromkeys(_SKIPPED, True))
    metrics: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        summary = Path(folder) / "summary.csv"
        exporter = main.ResultExporter(str(summary), config)
        for logs in main.Loader(".", round_name, config).load():
            data = logs.loader_data
            path = str(Path(data["perf_path"]).parents[2])
            valid = True
            for check, place in (
                (main.PerformanceCheck, "perf_path"),
                (main.AccuracyCheck, "acc_path"),
                (main.SystemCheck, "system_path"),
                (main.MeasurementsCheck, "measurements_path"),
                (main.PowerCheck, "power_dir_path"),
                (main.ComplianceCheck, "compliance_path"),
            ):
                valid &= check(main.log, data[place], config, logs)()
            metrics[path] = data.get("performance_metric") if valid else None
            if valid:
                exporter.add_result(logs)
        exporter.export()
        rows = _rows(summary.read_text(encoding="utf-8", errors="replace"))
    return {path: _described(metric, rows.get(path, {})) if metric else None for path, metric in metrics.items()}


def _submitters(tree: Path) -> list[str]:
    return sorted({p.name for d in ("closed", "open", "network") for p in (tree / d).glob("*") if p.is_dir()})


def main() -> None:
    tools, round_name, tree = Path(sys.argv[1]).resolve(), sys.argv[2], Path(sys.argv[3]).resolve()
    sys.path.insert(0, str(tools))
    os.chdir(tree)
    if (tools / "submission_checker" / "main.py").exists():
        import submission_checker.main  # type: ignore[import-not-found]  # of the checkout, not of this project

        judge, checker = _judge_v6, submission_checker
    else:
        import submission_checker  # type: ignore[import-not-found,no-redef]

        judge, checker = _judge_before_v6, submission_checker
    errors = _Errors()
    logging.disable(logging.INFO)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(errors)
    said: dict[str, dict[str, Any]] = {}
    for submitter in _submitters(tree):
        errors.said = []
        crash, results = None, {}
        try:
            results = judge(checker, round_name, submitter)
        except Exception as error:  # the official checker's own defects are what is looked for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            crash = f"{Path(frame.filename).name}:{frame.lineno} {type(error).__name__}: {error}"[:300]
        said[submitter] = {"crash": crash, "errors": errors.said, "results": results}
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
