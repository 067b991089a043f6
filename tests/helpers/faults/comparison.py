"""Whether two submission trees, and the runs behind them, are equal but for times and figures.

Compared are the files that are there, each setting, seed, answer, score and verdict, and who and what the records name.
Left out are dates, durations, rates, latencies, what the network counted, and the hashes of logs that hold such values;
that each hash fits the file beside it is verified by the check, which a tree has passed before it is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

_DETAIL, _SUMMARY, _ANSWERS = "mlperf_log_detail.txt", "mlperf_log_summary.txt", "mlperf_log_accuracy.json"
_ACCURACY, _MANIFEST, _RECORD, _SCORED = "accuracy.txt", "submitter_manifest.json", "record.json", "scored.json"
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_HASH = re.compile(r"(?<=hash=)[0-9a-f]{64}")
_PARAMETERS = "Test Parameters Used"
_MOMENTS = ("test_datetime", "power_begin", "power_end")  # of a detail log
_FIGURES = ("result_", "logger_")  # what LoadGen measured, and how often its own threads had to wait for each other
_FIGURE = "<figure>"
_ENDS = "the ends of a log"
# Of records: when, how long, how fast, and what the host's network did meanwhile.
_TIMES = ("started_utc", "duration_s", "network")
# Files whose hash differs from run to run, because they hold times.
_TIMED = (_DETAIL, _SUMMARY, _ANSWERS, _ACCURACY, "mlperf_log_trace.json", "network.csv")
# Hashes over such files, and over records, which have times.
_HASHES = ("accuracy_log_sha256", "log_sha256", "content_sha256")


def differences(expected: Path, found: Path, *, same_answers: bool = True) -> list[str]:
    """What is different between two folders, a line each; empty if they are equal but for times and figures.

    With `same_answers` false the engine may answer differently from run to run, as vLLM does where the sums of a batch
    depend on its size: then answers and scores count as figures.
    """
    lines = []
    names = {path: {str(file.relative_to(path)) for file in path.rglob("*")} for path in (expected, found)}
    lines += [f"{name} is missing" for name in sorted(names[expected] - names[found])]
    lines += [f"{name} is new" for name in sorted(names[found] - names[expected])]
    for name in sorted(names[expected] & names[found]):
        ours, theirs = expected / name, found / name
        if ours.is_dir() or theirs.is_dir():
            if ours.is_dir() != theirs.is_dir():
                lines.append(f"{name} is a folder in one of them only")
            continue
        if ours.stat().st_mode != theirs.stat().st_mode:
            lines.append(f"{name} has other permissions")
        lines += [
            f"{name}: {line}" for line in _differences(_content(ours, same_answers), _content(theirs, same_answers))
        ]
    return lines


def _differences(expected: Any, found: Any, where: str = "") -> Iterator[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            yield from _differences(expected.get(key), found.get(key), f"{where}.{key}".lstrip("."))
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{where or 'content'} has {len(found)} entries, expected {len(expected)}"
            first = next((at for at, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), None)
            expected, found = ([], []) if first is None else (expected[first : first + 1], found[first : first + 1])
        for number, (one, other) in enumerate(zip(expected, found, strict=True)):
            yield from _differences(one, other, f"{where}[{number}]")
    elif expected != found:
        yield f"{where or 'content'} is {_shown(found)}, expected {_shown(expected)}"


def _shown(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}..."


def _content(file: Path, same_answers: bool) -> Any:
    """What has to be equal of a file's content."""
    readers: dict[str, Callable[[], Any]] = {
        _DETAIL: lambda: _detail(file.read_text()),
        _SUMMARY: lambda: _summary(file.read_text()),
        _ANSWERS: lambda: _answers(file.read_text(), same_answers),
        _ACCURACY: lambda: _accuracy(file, same_answers),
        _MANIFEST: lambda: _without_figures(json.loads(file.read_text()), same_answers),
        _RECORD: lambda: _without_figures(json.loads(file.read_text()), same_answers),
        _SCORED: lambda: _without_figures(json.loads(file.read_text()), same_answers),
        "network.csv": lambda: _NUMBER.sub("0", file.read_text().partition("\n")[0]),
    }
    return readers.get(file.name, lambda: sha256(file.read_bytes()).hexdigest())()


def _detail(text: str) -> list[Any]:
    """Each entry's key and value, whether it is an error; of results, dates and durations only that they are there."""
    entries = []
    for line in text.splitlines():
        entry = json.loads(line.partition(":::MLLOG")[2])
        key, value = entry["key"], entry["value"]
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        is_figure = is_number and (key.startswith(_FIGURES) or key.endswith("_duration_ns"))
        if key in _MOMENTS or is_figure:
            value = _FIGURE
        entries.append({"key": key, "value": value, "is_error": entry["metadata"]["is_error"]})
    return entries


def _summary(text: str) -> list[str]:
    results, mark, parameters = text.partition(_PARAMETERS)
    return (_NUMBER.sub("0", results) + mark + parameters).splitlines()


def _answers(text: str, same_answers: bool) -> list[Any]:
    """By sample; the order of the file is that in which the engine was ready.

    A tree has the two ends of a long log only: its hash is in accuracy.txt, and the runs have the whole.
    """
    try:
        answers = json.loads(text)
    except json.JSONDecodeError:
        return [_ENDS]
    kept = ("qsl_idx", "data", "token_count") if same_answers else ("qsl_idx",)
    return sorted(([answer.get(key) for key in kept] for answer in answers), key=str)


def _accuracy(file: Path, same_answers: bool) -> list[str]:
    """The scores, and whether the hash is that of the log beside it."""
    text = file.read_text()
    stated = _HASH.findall(text)
    log = file.with_name(_ANSWERS)
    is_of_log = stated == [sha256(log.read_bytes()).hexdigest()] or _answers(log.read_text(), False) == [_ENDS]
    text = _HASH.sub("of the log" if is_of_log else "of another file", text)
    return (text if same_answers else _NUMBER.sub("0", text)).splitlines()


def _without_figures(content: Any, same_answers: bool) -> Any:
    if isinstance(content, list):
        return [_without_figures(item, same_answers) for item in content]
    if not isinstance(content, dict):
        return content
    kept = {}
    for key, value in content.items():
        name = key.rpartition("/")[2]
        if key in _TIMES or (key == "value" and "unit" in content) or (key == "token_count" and not same_answers):
            kept[key] = _FIGURE if value is not None else None
        elif key == "answers" and not same_answers:  # how many each rank gave
            kept[key] = sorted(value)
        elif name in _TIMED or key in _HASHES:
            kept[key] = _FIGURE
        else:
            kept[key] = _without_figures(value, same_answers)
    return kept
