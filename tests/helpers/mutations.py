"""Damage to real results, one kind a function: each changes a small tree of one submitter and says what it did.

Files are links to files shared with other copies, so every change writes the file anew. What a mutation cannot do
to the place it was given raises `Unfit`; the caller draws again.
"""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

MARKER = ":::MLLOG "
SCENARIOS = ("Offline", "Server", "Interactive", "SingleStream", "MultiStream")
WRONG: tuple[Any, ...] = (None, True, False, 0, 1, -1, 3.5, "", " ", "0", "x", "true", "TRUE", [], ["a"], {}, {"a": 1})
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What no verdict hangs on is drawn seldom.
_LIVELY = re.compile(r"result_|effective_|requested_|early_|qsl_|sut_|loadgen_version|num_|power_|generated")


class Unfit(Exception):
    """There is nothing here that this mutation could change."""


def write(path: Path, data: str | bytes) -> None:
    """Write a file anew, whatever it is linked with."""
    path.unlink(missing_ok=True)
    if isinstance(data, str):
        data = data.encode("utf-8", "surrogateescape")
    path.write_bytes(data)


def read(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "surrogateescape")


def _pick(dice: random.Random, found: Sequence[Path]) -> Path:
    if not found:
        raise Unfit
    return dice.choice(sorted(found))


def _files(root: Path, pattern: str = "*") -> list[Path]:
    return [path for path in root.rglob(pattern) if path.is_file() and not path.is_symlink()]


def _lively_file(root: Path, dice: random.Random) -> Path:
    """A file of the submission; the code is only names, so it is left alone."""
    code = {root / "code", root / "src"}
    found = [path for path in _files(root) if not code & set(path.parents)]
    return _pick(dice, found)


def _folder(root: Path, dice: random.Random) -> Path:
    return _pick(dice, [path for path in root.rglob("*") if path.is_dir() and not path.is_symlink()])


# Files


def delete_file(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    path.unlink()
    return f"deleted {path.relative_to(root)}"


def empty_file(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    write(path, b"")
    return f"emptied {path.relative_to(root)}"


def truncate_file(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    data = path.read_bytes()
    write(path, data[: dice.randrange(len(data) + 1)])
    return f"truncated {path.relative_to(root)}"


def cut_at_a_line(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) < 2:
        raise Unfit
    write(path, b"".join(lines[: dice.randrange(1, len(lines))]))
    return f"cut at a line {path.relative_to(root)}"


def binary_file(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    write(path, dice.randbytes(200))
    return f"random bytes in {path.relative_to(root)}"


def append_garbage(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    garbage = dice.choice([b"\n", b"garbage\n", b"\xff\xfe\n", b":::MLLOG garbage\n", b"}", b" "])
    write(path, path.read_bytes() + garbage)
    return f"appended {garbage!r} to {path.relative_to(root)}"


def prepend(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    what = dice.choice([b"\xef\xbb\xbf", b"\n", b" ", b"garbage\n"])
    write(path, what + path.read_bytes())
    return f"prepended {what!r} to {path.relative_to(root)}"


def line_ends(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    write(path, path.read_bytes().replace(b"\n", b"\r\n"))
    return f"line ends of {path.relative_to(root)}"


def file_for_folder(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    path.unlink()
    path.mkdir()
    if dice.random() < 0.7:
        (path / "inside.txt").write_text("x\n")
    return f"a folder for the file {path.relative_to(root)}"


def extra_file(root: Path, dice: random.Random) -> str:
    folder = _folder(root, dice)
    names = ["extra.txt", "mlperf_log_trace.json", "results.json", ".gitkeep", "mlperf_log_accuracy.json", "notes.md"]
    names += [".hidden", "with space.txt", "spl.txt", "mlperf_log_extra.json", "accuracy.txt", "verify_performance.txt"]
    path = folder / dice.choice(names)
    if path.exists():
        raise Unfit
    path.write_text(dice.choice(["", "x\n"]))
    return f"extra file {path.relative_to(root)}"


def rename_file(root: Path, dice: random.Random) -> str:
    path = _lively_file(root, dice)
    target = path.with_name(dice.choice([path.name.upper(), path.name + ".bak", "x" + path.name, path.stem]))
    if target.exists():
        raise Unfit
    path.rename(target)
    return f"renamed {path.relative_to(root)} to {target.name}"


def swap_files(root: Path, dice: random.Random) -> str:
    first = _lively_file(root, dice)
    same = [p for p in _files(root, first.name) if p != first]
    second = _pick(dice, same)
    write(first, second.read_bytes())
    return f"{first.relative_to(root)} is now {second.relative_to(root)}"


def broken_link(root: Path, dice: random.Random) -> str:
    path = _folder(root, dice) / "link"
    path.symlink_to("nowhere")
    return f"broken link {path.relative_to(root)}"


def giant_file(root: Path, dice: random.Random) -> str:
    path = _folder(root, dice) / "giant.bin"
    with path.open("wb") as file:
        file.truncate((50 << 20) + dice.choice([0, 1]))
    return f"giant of {path.stat().st_size} bytes {path.relative_to(root)}"


# Folders


def delete_folder(root: Path, dice: random.Random) -> str:
    path = _folder(root, dice)
    shutil.rmtree(path)
    return f"deleted folder {path.relative_to(root)}"


def empty_folder(root: Path, dice: random.Random) -> str:
    path = _folder(root, dice) / dice.choice(["empty", "__pycache__", ".cache"])
    if path.exists():
        raise Unfit
    path.mkdir()
    if dice.random() < 0.5:
        (path / "file").write_text("x")
    return f"new folder {path.relative_to(root)}"


def rename_folder(root: Path, dice: random.Random) -> str:
    path = _folder(root, dice)
    names = [path.name.lower(), path.name + "x", "run_2", "TEST01", "TEST04", "TEST05", "TEST06", "power", *SCENARIOS]
    target = path.with_name(dice.choice(names))
    if target.exists():
        raise Unfit
    path.rename(target)
    return f"renamed folder {path.relative_to(root)} to {target.name}"


def _scenario_places(root: Path, scenario: str) -> list[Path]:
    """A scenario's folders in results, and in measurements and compliance where the round has those."""
    return [p for p in root.rglob(scenario) if p.is_dir() and p.parents[2].parent == root]


def rename_scenario(root: Path, dice: random.Random) -> str:
    """The scenario under another name, everywhere: its logs are another scenario's, or its name is in lower case."""
    scenario = _pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()]).name
    new = dice.choice([s for s in SCENARIOS if s != scenario] + [scenario.lower(), scenario.upper()])
    for place in _scenario_places(root, scenario):
        if place.with_name(new).exists():
            shutil.rmtree(place.with_name(new))
        place.rename(place.with_name(new))
    return f"scenario {scenario} is now {new}"


def drop_scenario(root: Path, dice: random.Random) -> str:
    scenario = _pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()]).name
    for place in _scenario_places(root, scenario):
        shutil.rmtree(place)
    return f"dropped scenario {scenario}"


def swap_scenarios(root: Path, dice: random.Random) -> str:
    one = _pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()])
    other = _pick(dice, [p for p in one.parent.iterdir() if p.is_dir() and p != one])
    part = dice.choice(["", "performance", "accuracy", "performance/run_1"])
    first, second = one / part, other / part
    if not (first.is_dir() and second.is_dir()):
        raise Unfit
    spare = one.parent / "spare"
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    return f"swapped {part or 'results'} of {one.name} and {other.name}"


def rename_benchmark(root: Path, dice: random.Random, benchmarks: Sequence[str]) -> str:
    old = _pick(dice, [p for p in (root / "results").glob("*/*") if p.is_dir()]).name
    odd = ["resnet50", "my-bert-99", "efficientnet-b0", "gpt-j", "nosuch", "bert-99.9-x"]
    new = dice.choice([*benchmarks, *odd])
    if new == old:
        raise Unfit
    for place in sorted(p for p in root.rglob(old) if p.is_dir()):
        if place.exists() and not place.with_name(new).exists():
            place.rename(place.with_name(new))
    return f"benchmark {old} is now {new}"


def map_benchmark(root: Path, dice: random.Random, benchmarks: Sequence[str]) -> str:
    old = _pick(dice, [p for p in (root / "results").glob("*/*") if p.is_dir()]).name
    for place in sorted(p for p in root.rglob(old) if p.is_dir()):
        place.rename(place.with_name("our-own"))
    mapping: Any = {"our-own": dice.choice([old, old, old, dice.choice(benchmarks), 5, None])}
    if dice.random() < 0.1:
        mapping = dice.choice([[], "x", {}])
    write(root / "model_mapping.json", json.dumps(mapping))
    return f"benchmark {old} is now our-own, mapped by {mapping}"


# Detail logs


def _log(root: Path, dice: random.Random) -> Path:
    logs = _files(root, "mlperf_log_detail.txt")
    performance = [path for path in logs if path.parent.name == "run_1" and "results" in path.parts]
    return _pick(dice, performance if dice.random() < 0.5 and performance else logs)


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


# Other files


def change_json(root: Path, dice: random.Random) -> str:
    """A field of a system description or of a measurement's."""
    found = [p for p in _files(root, "*.json") if p.parent.name == "systems" or not p.name.startswith("mlperf_log")]
    path = _pick(dice, [p for p in found if "code" not in p.parts and "src" not in p.parts and "power" not in p.parts])
    try:
        content = json.loads(read(path))
        key = dice.choice([*sorted(content), "is_network", "system_type", "submitter", "division", "status"])
    except (ValueError, TypeError, IndexError):
        raise Unfit from None
    if not isinstance(content, dict):
        raise Unfit
    old = content.get(key)
    if dice.random() < 0.3 and key in content:
        del content[key]
        said = f"dropped {key} ({str(old)[:30]!r})"
    else:
        texts = [old.upper(), old.lower(), f" {old}", old + "x"] if isinstance(old, str) else []
        texts += ["edge", "datacenter", "datacenter,edge", "edge,datacenter"] if key == "system_type" else []
        content[key] = dice.choice([*WRONG, *texts, *texts, "true", "False", 10**30])
        said = f"{key}: {str(old)[:30]!r} is now {str(content[key])[:30]!r}"
    write(path, json.dumps(content, indent=1))
    return f"{said} in {path.relative_to(root)}"


def change_type(root: Path, dice: random.Random) -> str:
    path = _pick(dice, list((root / "systems").glob("*.json")))
    try:
        content = json.loads(read(path))
    except ValueError:
        raise Unfit from None
    if not isinstance(content, dict):
        raise Unfit
    content["system_type"] = dice.choice(["edge", "datacenter", "datacenter,edge", "edge,datacenter"])
    write(path, json.dumps(content))
    return f"system_type is now {content['system_type']}"


def other_json(root: Path, dice: random.Random) -> str:
    found = [p for p in _files(root, "*.json") if not p.name.startswith("mlperf_log") and "power" not in p.parts]
    path = _pick(dice, found)
    what = dice.choice(["[]", "null", "{}", "5", '"x"', "{", "NaN", '{"a": NaN}', "[" * 3000, ""])
    write(path, what)
    return f"{what[:10]!r} in {path.relative_to(root)}"


def change_number(root: Path, dice: random.Random) -> str:
    """A number of accuracy.txt, or of a file of a compliance test or of power."""
    names = ("accuracy.txt", "verify_*.txt", "*_accuracy.txt", "spl.txt", "user.conf")
    path = _pick(dice, _files(root, dice.choice(names)))
    text = read(path)
    found = list(_NUMBER.finditer(text[-4000:]))
    if not found:
        raise Unfit
    match = dice.choice(found)
    start = max(len(text) - 4000, 0)
    old = match[0]
    value = float(old) * dice.choice([0, 0.5, 0.97, 0.989, 0.9999, 1.0001, 1.011, 1.12, 2, 100])
    new = dice.choice([f"{value:.4f}", f"{value:.4f}", f"{value:.0f}", "nan", "", f"np.float64({old})", f"'{old}'"])
    write(path, text[: start + match.start()] + new + text[start + match.end() :])
    return f"{old} is now {new} in {path.relative_to(root)}"


def change_word(root: Path, dice: random.Random) -> str:
    pairs = [("PASS", "FAIL"), ("True", "False"), ("TEST PASS", "test pass"), ("hash=", "hash"), ("'", '"'), (":", "=")]
    pairs += [("accuracy=", "accuracy: "), (" pass", " Pass"), ("\n", "\n\n"), ("hash=", "Hash=")]
    old, new = dice.choice(pairs)
    name = dice.choice(("accuracy.txt", "verify_*.txt", "*_accuracy.txt"))
    path = _pick(dice, [p for p in _files(root, name) if old in read(p)])
    write(path, read(path).replace(old, new))
    return f"{old!r} is now {new!r} in {path.relative_to(root)}"


def drop_line(root: Path, dice: random.Random) -> str:
    name = dice.choice(("accuracy.txt", "verify_*.txt", "*_accuracy.txt", "user.conf", "mlperf.conf", "spl.txt"))
    path = _pick(dice, _files(root, name))
    lines = read(path).splitlines(keepends=True)
    if not lines:
        raise Unfit
    gone = lines.pop(dice.randrange(len(lines)))
    if dice.random() < 0.2:
        lines.insert(dice.randrange(len(lines) + 1), gone)
    write(path, "".join(lines))
    return f"a line moved or gone ({gone.strip()[:50]!r}) of {path.relative_to(root)}"


def long_accuracy_log(root: Path, dice: random.Random) -> str:
    path = _pick(dice, _files(root, "mlperf_log_accuracy.json"))
    write(path, b"[\n" + b" " * dice.choice([10_000, 10_237, 10_238, 10_239, 10_240, 20_000]) + b"]\n")
    return f"accuracy log of {path.stat().st_size} bytes: {path.relative_to(root)}"


def power_file(root: Path, dice: random.Random) -> str:
    path = _pick(dice, [p for p in _files(root) if {"power", "ranging"} & set(p.parts) or p.name == "spl.txt"])
    data = path.read_bytes()
    what = dice.choice(["gone", "empty", "half", "number"])
    if what == "gone":
        path.unlink()
    elif what == "number":
        found = list(re.finditer(rb"\d+\.\d+", data))
        if not found:
            raise Unfit
        match = dice.choice(found)
        write(path, data[: match.start()] + b"7.5" + data[match.end() :])
    else:
        write(path, b"" if what == "empty" else data[: len(data) // 2])
    return f"power file {what}: {path.relative_to(root)}"


Mutation = Callable[[Path, random.Random], str]


def mutations(benchmarks: Sequence[str]) -> dict[str, tuple[int, Mutation]]:
    """Every kind by name, with its weight; `benchmarks` are the round's names."""

    def renamed(root: Path, dice: random.Random) -> str:
        return rename_benchmark(root, dice, benchmarks)

    def mapped(root: Path, dice: random.Random) -> str:
        return map_benchmark(root, dice, benchmarks)

    plain = [delete_file, empty_file, truncate_file, cut_at_a_line, binary_file, append_garbage, prepend, line_ends]
    plain += [file_for_folder, extra_file, rename_file, swap_files, broken_link, giant_file, delete_folder]
    plain += [empty_folder, rename_folder, rename_scenario, drop_scenario, swap_scenarios, repeat_entry, rename_entry]
    plain += [change_type, break_entry, error_entry, other_json, drop_line, long_accuracy_log, power_file]
    weights = {f.__name__: (2, f) for f in plain}
    weights |= {"rename_benchmark": (3, renamed), "map_benchmark": (1, mapped), "drop_entry": (6, drop_entry)}
    heavy = {"change_entry": (20, change_entry), "change_json": (10, change_json), "change_word": (3, change_word)}
    return weights | heavy | {"change_number": (8, change_number)}
