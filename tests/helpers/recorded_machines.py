"""Machines whose tools' output is recorded in tests/fixtures/machines: the tools as programs that print it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

RECORDED = Path(__file__).resolve().parents[1] / "fixtures" / "machines"
NAMES = sorted(path.name for path in RECORDED.iterdir() if path.is_dir())


def install(name: str, folder: Path, count: int | None = None) -> dict[str, str]:
    """Write the tools of a recorded machine into `folder`; returns the environment that has them first on its PATH.

    `count` leaves only so many of NVIDIA's devices. Tools that were not recorded are the host's own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recorded = RECORDED / name
    for tool, first, others in (
        ("nvidia-smi", "nvidia-smi.csv", {"topo": "nvidia-smi-topo.txt", "memory.used": "nvidia-smi-state.csv"}),
        ("amd-smi", "amd-smi.json", {"metric": "amd-smi-metric.json", "process": "amd-smi-process.json"}),
        ("rocm-smi", "rocm-smi.json", {}),
    ):
        if (recorded / first).exists():
            lines = (recorded / first).read_text().splitlines(keepends=True)
            texts = {word: (recorded / file).read_text() for word, file in others.items() if (recorded / file).exists()}
            program(folder, tool, "".join(lines if count is None else lines[:count]), {"compute-apps": "", **texts})
    if (recorded / "lscpu.txt").exists():
        program(folder, "lscpu", _lscpu_json((recorded / "lscpu.txt").read_text()))
    return os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}


def sysfs(name: str, folder: Path) -> Path:
    """Write what Linux shows of the network of a recorded machine below `folder`, as if it were /sys; returns it.

    Each line of sysfs.txt that names a card stands for its eight cards.
    """
    for line in (RECORDED / name / "sysfs.txt").read_text().splitlines():
        for number, bus in enumerate(("1a", "3c", "4d", "5e", "9c", "bc", "cc", "dc")):
            text = line.format(n=number, numa=number // 4, address=f"0000:{bus}:00.0")
            place, arrow, target = text.partition(" -> ")
            path = folder / (place if arrow else text.partition(" = ")[0])
            path.parent.mkdir(parents=True, exist_ok=True)
            if not arrow:
                path.write_text(text.partition(" = ")[2] + "\n")
            elif not path.is_symlink():
                path.symlink_to(target)
    return folder


def program(folder: Path, name: str, output: str, others: Mapping[str, str] = MappingProxyType({})) -> None:
    """A program that prints `output` or, if its arguments have one of the words of `others`, the text of that word."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".{name}").write_text(output)
    cases = []
    for word, text in others.items():
        (folder / f".{name}.{word}").write_text(text)
        cases.append(f'*{word}*) cat "{folder}/.{name}.{word}" ;;')
    path = folder / name
    path.write_text(f'#!/bin/sh\ncase "$*" in {" ".join(cases)} *) cat "{folder}/.{name}" ;; esac\n')
    path.chmod(0o755)


def _lscpu_json(text: str) -> str:
    """lscpu's text as `lscpu -J` prints it."""
    rows = (line.partition(":") for line in text.splitlines())
    return json.dumps({"lscpu": [{"field": f"{field.strip()}:", "data": data.strip()} for field, _, data in rows]})
