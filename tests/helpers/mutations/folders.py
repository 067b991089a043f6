"""Damage to folders: scenarios and benchmarks under other names, or not there."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .places import SCENARIOS, Unfit, any_folder, pick, write


def delete_folder(root: Path, dice: random.Random) -> str:
    path = any_folder(root, dice)
    shutil.rmtree(path)
    return f"deleted folder {path.relative_to(root)}"


def empty_folder(root: Path, dice: random.Random) -> str:
    path = any_folder(root, dice) / dice.choice(["empty", "__pycache__", ".cache"])
    if path.exists():
        raise Unfit
    path.mkdir()
    if dice.random() < 0.5:
        (path / "file").write_text("x")
    return f"new folder {path.relative_to(root)}"


def rename_folder(root: Path, dice: random.Random) -> str:
    path = any_folder(root, dice)
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
    scenario = pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()]).name
    new = dice.choice([s for s in SCENARIOS if s != scenario] + [scenario.lower(), scenario.upper()])
    for place in _scenario_places(root, scenario):
        if place.with_name(new).exists():
            shutil.rmtree(place.with_name(new))
        place.rename(place.with_name(new))
    return f"scenario {scenario} is now {new}"


def drop_scenario(root: Path, dice: random.Random) -> str:
    scenario = pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()]).name
    for place in _scenario_places(root, scenario):
        shutil.rmtree(place)
    return f"dropped scenario {scenario}"


def swap_scenarios(root: Path, dice: random.Random) -> str:
    one = pick(dice, [p for p in (root / "results").glob("*/*/*") if p.is_dir()])
    other = pick(dice, [p for p in one.parent.iterdir() if p.is_dir() and p != one])
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
    old = pick(dice, [p for p in (root / "results").glob("*/*") if p.is_dir()]).name
    odd = ["resnet50", "my-bert-99", "efficientnet-b0", "gpt-j", "nosuch", "bert-99.9-x"]
    new = dice.choice([*benchmarks, *odd])
    if new == old:
        raise Unfit
    for place in sorted(p for p in root.rglob(old) if p.is_dir()):
        if place.exists() and not place.with_name(new).exists():
            place.rename(place.with_name(new))
    return f"benchmark {old} is now {new}"


def map_benchmark(root: Path, dice: random.Random, benchmarks: Sequence[str]) -> str:
    old = pick(dice, [p for p in (root / "results").glob("*/*") if p.is_dir()]).name
    for place in sorted(p for p in root.rglob(old) if p.is_dir()):
        place.rename(place.with_name("our-own"))
    mapping: Any = {"our-own": dice.choice([old, old, old, dice.choice(benchmarks), 5, None])}
    if dice.random() < 0.1:
        mapping = dice.choice([[], "x", {}])
    write(root / "model_mapping.json", json.dumps(mapping))
    return f"benchmark {old} is now our-own, mapped by {mapping}"
