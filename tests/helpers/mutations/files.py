"""Damage to files as such: gone, empty, cut, renamed, mixed up."""

from __future__ import annotations

import random
from pathlib import Path

from .places import Unfit, any_folder, files_of, lively_file, pick, write


def delete_file(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    path.unlink()
    return f"deleted {path.relative_to(root)}"


def empty_file(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    write(path, b"")
    return f"emptied {path.relative_to(root)}"


def truncate_file(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    data = path.read_bytes()
    write(path, data[: dice.randrange(len(data) + 1)])
    return f"truncated {path.relative_to(root)}"


def cut_at_a_line(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) < 2:
        raise Unfit
    write(path, b"".join(lines[: dice.randrange(1, len(lines))]))
    return f"cut at a line {path.relative_to(root)}"


def binary_file(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    write(path, dice.randbytes(200))
    return f"random bytes in {path.relative_to(root)}"


def append_garbage(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    garbage = dice.choice([b"\n", b"garbage\n", b"\xff\xfe\n", b":::MLLOG garbage\n", b"}", b" "])
    write(path, path.read_bytes() + garbage)
    return f"appended {garbage!r} to {path.relative_to(root)}"


def prepend(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    what = dice.choice([b"\xef\xbb\xbf", b"\n", b" ", b"garbage\n"])
    write(path, what + path.read_bytes())
    return f"prepended {what!r} to {path.relative_to(root)}"


def line_ends(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    write(path, path.read_bytes().replace(b"\n", b"\r\n"))
    return f"line ends of {path.relative_to(root)}"


def file_for_folder(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    path.unlink()
    path.mkdir()
    if dice.random() < 0.7:
        (path / "inside.txt").write_text("x\n")
    return f"a folder for the file {path.relative_to(root)}"


def extra_file(root: Path, dice: random.Random) -> str:
    folder = any_folder(root, dice)
    names = ["extra.txt", "mlperf_log_trace.json", "results.json", ".gitkeep", "mlperf_log_accuracy.json", "notes.md"]
    names += [".hidden", "with space.txt", "spl.txt", "mlperf_log_extra.json", "accuracy.txt", "verify_performance.txt"]
    path = folder / dice.choice(names)
    if path.exists():
        raise Unfit
    path.write_text(dice.choice(["", "x\n"]))
    return f"extra file {path.relative_to(root)}"


def rename_file(root: Path, dice: random.Random) -> str:
    path = lively_file(root, dice)
    target = path.with_name(dice.choice([path.name.upper(), path.name + ".bak", "x" + path.name, path.stem]))
    if target.exists():
        raise Unfit
    path.rename(target)
    return f"renamed {path.relative_to(root)} to {target.name}"


def swap_files(root: Path, dice: random.Random) -> str:
    first = lively_file(root, dice)
    same = [p for p in files_of(root, first.name) if p != first]
    second = pick(dice, same)
    write(first, second.read_bytes())
    return f"{first.relative_to(root)} is now {second.relative_to(root)}"


def broken_link(root: Path, dice: random.Random) -> str:
    path = any_folder(root, dice) / "link"
    path.symlink_to("nowhere")
    return f"broken link {path.relative_to(root)}"


def giant_file(root: Path, dice: random.Random) -> str:
    path = any_folder(root, dice) / "giant.bin"
    with path.open("wb") as file:
        file.truncate((50 << 20) + dice.choice([0, 1]))
    return f"giant of {path.stat().st_size} bytes {path.relative_to(root)}"
