"""Damage to descriptions, scores, verifications and power's files: a value, a word, a line."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from .places import WRONG, Unfit, files_of, pick, read, write

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def change_json(root: Path, dice: random.Random) -> str:
    """A field of a system description or of a measurement's."""
    found = [p for p in files_of(root, "*.json") if p.parent.name == "systems" or not p.name.startswith("mlperf_log")]
    path = pick(dice, [p for p in found if "code" not in p.parts and "src" not in p.parts and "power" not in p.parts])
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
    path = pick(dice, list((root / "systems").glob("*.json")))
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
    found = [p for p in files_of(root, "*.json") if not p.name.startswith("mlperf_log") and "power" not in p.parts]
    path = pick(dice, found)
    what = dice.choice(["[]", "null", "{}", "5", '"x"', "{", "NaN", '{"a": NaN}', "[" * 3000, ""])
    write(path, what)
    return f"{what[:10]!r} in {path.relative_to(root)}"


def change_number(root: Path, dice: random.Random) -> str:
    """A number of accuracy.txt, or of a file of a compliance test or of power."""
    names = ("accuracy.txt", "verify_*.txt", "*_accuracy.txt", "spl.txt", "user.conf")
    path = pick(dice, files_of(root, dice.choice(names)))
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
    path = pick(dice, [p for p in files_of(root, name) if old in read(p)])
    write(path, read(path).replace(old, new))
    return f"{old!r} is now {new!r} in {path.relative_to(root)}"


def drop_line(root: Path, dice: random.Random) -> str:
    name = dice.choice(("accuracy.txt", "verify_*.txt", "*_accuracy.txt", "user.conf", "mlperf.conf", "spl.txt"))
    path = pick(dice, files_of(root, name))
    lines = read(path).splitlines(keepends=True)
    if not lines:
        raise Unfit
    gone = lines.pop(dice.randrange(len(lines)))
    if dice.random() < 0.2:
        lines.insert(dice.randrange(len(lines) + 1), gone)
    write(path, "".join(lines))
    return f"a line moved or gone ({gone.strip()[:50]!r}) of {path.relative_to(root)}"


def long_accuracy_log(root: Path, dice: random.Random) -> str:
    path = pick(dice, files_of(root, "mlperf_log_accuracy.json"))
    write(path, b"[\n" + b" " * dice.choice([10_000, 10_237, 10_238, 10_239, 10_240, 20_000]) + b"]\n")
    return f"accuracy log of {path.stat().st_size} bytes: {path.relative_to(root)}"


def power_file(root: Path, dice: random.Random) -> str:
    path = pick(dice, [p for p in files_of(root) if {"power", "ranging"} & set(p.parts) or p.name == "spl.txt"])
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
