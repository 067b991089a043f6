"""Damage to the entries of detail logs."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

from .places import SCENARIOS, WRONG, Unfit, files_of, pick, read, write

MARKER = ":::MLLOG "
# What no verdict hangs on is drawn seldom.
_LIVELY = re.compile(r"result_|effective_|requested_|early_|qsl_|sut_|loadgen_version|num_|power_|generated")


def _log(root: Path, dice: random.Random) -> Path:
    logs = files_of(root, "mlperf_log_detail.txt")
    performance = [path for path in logs if path.parent.name == "run_1" and "results" in path.parts]
    return pick(dice, performance if dice.random() < 0.5 and performance else logs)


def _entry(root: Path, dice: random.Random) -> tuple[Path, list[str], int, dict[str, Any]]:
    """A detail log, its lines, and one of them as an object."""
    path = _log(root, dice)
    lines = read(path).splitlines()
    numbers = [n for n, line in enumerate(lines) if line.startswith(MARKER)]
    lively = [n for n in numbers if (key := lines[n].find('"key": "')) >= 0 and _LIVELY.match(lines[n][key + 8 :])]
    if not numbers:
        raise Unfit
    number = dice.choice(lively if lively and dice.random() < 0.9 else numbers)
    try:
        entry = json.loads(lines[number][len(MARKER) :])
        entry["key"]
    except (ValueError, KeyError, TypeError):
        raise Unfit from None
    return path, lines, number, entry


def _other_value(value: Any, dice: random.Random) -> Any:
    if dice.random() < 0.2:
        return dice.choice(WRONG)
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        kind = type(value)
        factor = dice.choice([0, 0.5, 0.98, 0.9999, 1.0001, 1.02, 2, 10, -1])
        return dice.choice([kind(value * factor), kind(value * factor), value + 1, value - 1, float(value), str(value)])
    if isinstance(value, str):
        return dice.choice([value.lower(), value.upper(), "", "INVALID", *SCENARIOS, "PerformanceOnly", "AccuracyOnly"])
    return dice.choice(WRONG)


def change_entry(root: Path, dice: random.Random) -> str:
    path, lines, number, entry = _entry(root, dice)
    old = entry["value"]
    entry["value"] = _other_value(old, dice)
    lines[number] = MARKER + json.dumps(entry)
    write(path, "\n".join(lines) + "\n")
    return f"{entry['key']}: {str(old)[:40]!r} is now {str(entry['value'])[:40]!r} in {path.relative_to(root)}"


def drop_entry(root: Path, dice: random.Random) -> str:
    path, lines, _, entry = _entry(root, dice)
    kept = [line for line in lines if f'"key": "{entry["key"]}"' not in line]
    write(path, "\n".join(kept) + "\n")
    return f"dropped {entry['key']} of {path.relative_to(root)}"


def repeat_entry(root: Path, dice: random.Random) -> str:
    path, lines, number, entry = _entry(root, dice)
    entry["value"] = _other_value(entry["value"], dice)
    place = dice.choice([number, number + 1, 1, len(lines)])
    lines.insert(place, MARKER + json.dumps(entry))
    write(path, "\n".join(lines) + "\n")
    return f"second {entry['key']} at line {place + 1} of {path.relative_to(root)}"


def rename_entry(root: Path, dice: random.Random) -> str:
    path, lines, number, entry = _entry(root, dice)
    old = entry["key"]
    entry["key"] = dice.choice([old.replace("effective", "requested"), old.upper(), "", old + "x"])
    lines[number] = MARKER + json.dumps(entry)
    write(path, "\n".join(lines) + "\n")
    return f"{old} is now {entry['key']} in {path.relative_to(root)}"


def break_entry(root: Path, dice: random.Random) -> str:
    path, lines, number, entry = _entry(root, dice)
    line = lines[number]
    lines[number] = dice.choice([line[: len(line) // 2], MARKER, MARKER + "{}", MARKER + "[]", "x" + line, " " + line])
    write(path, "\n".join(lines) + "\n")
    return f"broke line {number + 1} ({entry['key']}): {lines[number][:30]!r} in {path.relative_to(root)}"


def error_entry(root: Path, dice: random.Random) -> str:
    path, lines, number, entry = _entry(root, dice)
    key = dice.choice(["error_runtime", "error_invalid_config", entry["key"]])
    said = dice.choice(
        [
            "Loadgen built with uncommitted changes!",
            "something failed",
            "Multiple conf files are used. This is not valid for official submission.",
            "CHECK for ERROR in detail: ERROR : Loadgen built with uncommitted changes!",
            7,
        ]
    )
    metadata = {"is_error": True, "is_warning": False, "file": "x.cc", "line_no": 1, "pid": 1, "tid": 1}
    new = {"key": key, "value": said, "time_ms": 1.0, "namespace": "x", "event_type": "POINT", "metadata": metadata}
    lines.insert(dice.choice([1, number + 1, len(lines)]), MARKER + json.dumps(new))
    write(path, "\n".join(lines) + "\n")
    return f"error line {key}: {said!r} in {path.relative_to(root)}"
