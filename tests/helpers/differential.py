"""Damaged real results, judged by a round's official checker and by ours: every result the two disagree on.

usage: differential.py CHECKOUT ROUNDS [--round v5.1] [--count 300] [--seed 1] [--only KIND] [--out FILE]

CHECKOUT is a git checkout of mlcommons/inference with its tags, ROUNDS a folder with the published rounds, unpacked.
Each damaged copy is a submitter of its own in one tree (closed/M0001/...), so one process of the official checker
judges all. Exit code 1 where there is a disagreement.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mutations import Unfit, mutations, write

from submitter.checker import Finding, check
from submitter.rulebook import Rulebook, load_rulebook

HERE = Path(__file__).resolve().parent

# Of each round: the archives whose results are damaged, and the commit and the files of its official checker. A round
# that was not published here takes its neighbours' results, with its own seeds in their logs.
_OLD_FILES = ("submission_checker.py", "log_parser.py", "power")
_NEW = ("b66003e1", ("submission_checker",))
OFFICIAL: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "v4.1": ({"v4.1": "v4.1"}, "v4.1", _OLD_FILES),
    "v5.0": ({"v4.1": "v4.1", "v5.1": "v5.1"}, "v5.0.1", _OLD_FILES),
    "v5.1": ({"v5.1": "v5.1"}, "v5.1.1", _OLD_FILES),
    "v6.0": ({"v6.0-part": "v6.0"}, *_NEW),
    "v6.1": ({"v6.0-part": "v6.0"}, *_NEW),
}
# A copy is cheap if its logs are: of each benchmark the smallest few systems are taken.
_SYSTEMS_OF_BENCHMARK = 3
_SIX_DIGITS = 5e-7


# Official verdicts that hang on more than the submission: what the checker says of the path of the result, and why.
LISTED = {
    "{path} does not have all required scenarios, one of [Server, Interactive]": "submission_checker.py (tag v5.1.1) "
    "line 2872: `name` is still the scenario that os.listdir() gave last, so which one is refused is the file system's",
}


@dataclass(frozen=True)
class Unit:
    """One system's results of one benchmark: what a copy is made of."""

    submitter: Path
    system: str
    benchmark: str
    size: int


@dataclass
class Copy:
    """A damaged copy: its name as a submitter, where it is from, and what was done to it."""

    name: str
    division: str
    source: str
    done: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)


@dataclass
class Disagreement:
    copy: Copy
    path: str
    official: Any
    ours: str
    because: list[str]


@dataclass
class Outcome:
    copies: int = 0
    results: int = 0
    refused: int = 0
    crashes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    passed_crashes: list[str] = field(default_factory=list)
    disagreements: list[Disagreement] = field(default_factory=list)
    listed: int = 0


def official_tools(checkout: Path, round_name: str, target: Path) -> Path:
    """The official checker's files of a round, taken out of the checkout's history."""
    _, commit, names = OFFICIAL[round_name]
    target.mkdir(parents=True, exist_ok=True)
    archive = subprocess.run(
        ["git", "-C", str(checkout), "archive", f"{commit}:tools/submission", *names], capture_output=True, check=True
    )
    subprocess.run(["tar", "x", "-C", str(target)], input=archive.stdout, check=True)
    return target


def units_of(root: Path) -> list[Unit]:
    """For each benchmark of each division the smallest systems, those with power among them."""
    found: dict[tuple[str, str, bool], list[Unit]] = defaultdict(list)
    for folder in root.glob("*/*/results/*/*"):
        if not folder.is_dir():
            continue
        files = [path for path in folder.rglob("*") if path.is_file()]
        power = any(path.name == "spl.txt" for path in files)
        unit = Unit(folder.parents[2], folder.parent.name, folder.name, sum(path.stat().st_size for path in files))
        found[folder.parents[3].name, folder.name, power].append(unit)
    return [unit for some in found.values() for unit in sorted(some, key=lambda u: u.size)[:_SYSTEMS_OF_BENCHMARK]]


def place(unit: Unit, tree: Path, name: str, division: str) -> Path:
    """Copy a unit into a tree as the submitter `name` of `division`, its files linked."""
    target = tree / division / name
    target.mkdir(parents=True)
    for top in sorted(unit.submitter.iterdir()):
        if top.name in ("results", "measurements", "compliance"):
            source = top / unit.system / unit.benchmark
            if source.is_dir():
                shutil.copytree(source, target / top.name / unit.system / unit.benchmark, copy_function=os.link)
            for folder in (top, top / unit.system):
                inside = target / top.name / folder.relative_to(top)
                for beside in folder.iterdir() if folder.is_dir() else ():
                    if beside.is_file() and inside.is_dir():
                        os.link(beside, inside / beside.name)
        elif top.name == "systems":
            (target / "systems").mkdir(parents=True, exist_ok=True)
            for file in top.glob(f"{unit.system}.*"):
                os.link(file, target / "systems" / file.name)
        elif top.name in ("code", "src"):
            for folder in (top, top / unit.benchmark):
                if folder.is_dir():
                    (target / top.name / folder.relative_to(top)).mkdir(parents=True, exist_ok=True)
                    (target / top.name / folder.relative_to(top) / "README.md").write_text("left out\n")
        elif top.is_file() or top.name == "documentation":
            copy = shutil.copytree if top.is_dir() else os.link
            copy(top, target / top.name)
    description = target / "systems" / f"{unit.system}.json"
    fields = json.loads(description.read_text(encoding="utf-8")) | {"submitter": name, "division": division}
    if division == "network":
        fields |= dict.fromkeys(load_rulebook("v6.1").system.network_fields, "x") | {"is_network": "true"}
    write(description, json.dumps(fields, indent=1))
    return target


def damage(
    units: list[Unit], tree: Path, book: Rulebook, count: int, seed: int, only: frozenset[str] = frozenset()
) -> list[Copy]:
    """`count` damaged copies in `tree`; the same seed makes the same tree. Every tenth copy is whole.

    `only` are the kinds of damage to choose from; if it is empty, all.
    """
    everything = mutations(sorted(book.benchmarks))
    kinds = {name: kind for name, kind in everything.items() if not only or name in only}
    names = list(kinds)
    weights = [kinds[name][0] for name in names]
    copies: list[Copy] = []
    for number in range(count):
        dice = random.Random(f"{seed} {book.name} {number}")
        unit = units[number % len(units)] if number < len(units) else dice.choice(units)
        own = unit.submitter.parent.name
        division = dice.choice(["closed", "open", "network"]) if dice.random() < 0.15 else own
        copy = Copy(f"M{number:05}", division, f"{own}/{unit.submitter.name} {unit.system} {unit.benchmark}")
        target = place(unit, tree, copy.name, division)
        copies.append(copy)
        for _ in range(0 if number % 10 == 9 else dice.choice([1, 1, 1, 2])):
            for _attempt in range(20):
                kind = dice.choices(names, weights)[0]
                try:
                    copy.done.append(kinds[kind][1](target, dice))
                    copy.kinds.append(kind)
                    break
                except (Unfit, OSError):
                    continue
    return copies


def concerned(scope: str, path: str) -> bool:
    """Whether what is wrong in the folder `scope` concerns the result at `path`.

    The folders of measurements and compliance before v6.0 are built as the folder of results is.
    """
    there, result = ([part for place, part in enumerate(p.split("/")) if place != 2][:5] for p in (scope, path))
    return scope in ("", ".") or result[: len(there)] == there


def judge_officially(tools: Path, round_name: str, tree: Path) -> dict[str, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(HERE / "official_side.py"), str(tools), round_name, str(tree)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=True,
    )
    said: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return said


def compare(copies: list[Copy], said: dict[str, dict[str, Any]], tree: Path, book: Rulebook) -> Outcome:
    report = check(tree, book, profile="official", jobs=2)
    ours: dict[str, dict[str, Any]] = defaultdict(dict)
    errors: dict[str, list[Finding]] = defaultdict(list)
    for verdict in report.results:
        ours[verdict.key.submitter][verdict.path] = verdict
    for finding in report.findings:
        if finding.severity == "error":
            errors[finding.scope.split("/")[1] if "/" in finding.scope else ""].append(finding)
    outcome = Outcome(copies=len(copies))
    for copy in copies:
        there = said.get(copy.name, {"crash": None, "errors": [], "results": {}})
        if there["crash"]:
            where = there["crash"].split(": ")[0]
            outcome.crashes[where].append(copy.name)
            if ours[copy.name] and all(v.verdict == "valid" for v in ours[copy.name].values()):
                outcome.passed_crashes.append(f"{copy.name} {there['crash']} | {copy.source}: {'; '.join(copy.done)}")
            continue
        for path in sorted({*there["results"], *ours[copy.name]}):
            official, verdict = there["results"].get(path), ours[copy.name].get(path)
            valid = verdict is not None and verdict.verdict == "valid"
            outcome.results += 1
            outcome.refused += official is None
            if official is None and not valid:
                continue
            told = f"{verdict.verdict} {verdict.metric} {verdict.inferred}" if verdict else "not judged"
            if official is not None and valid and _same(official, verdict):
                continue
            why = there["errors"]
            if official:
                found = [f for f in errors[copy.name] + errors[""] if concerned(f.scope, path)]
                why = [f"{f.rule} {f.message} [{f.found}] {f.path}"[:300] for f in found]
            if official is None and any(text.format(path=path) in line for text in LISTED for line in there["errors"]):
                outcome.listed += 1
                continue
            outcome.disagreements.append(Disagreement(copy, path, official, told, why[:12]))
    return outcome


def _same(official: dict[str, Any], verdict: Any) -> bool:
    return (
        verdict.metric is not None
        and math.isclose(verdict.metric.value, official["metric"], rel_tol=_SIX_DIGITS)
        and official["units"] in (None, verdict.metric.unit)
        and (not verdict.row or official["inferred"] == verdict.row.get("inferred", str(int(verdict.inferred))))
    )


def reseed(unit: Unit, source: Rulebook, book: Rulebook) -> None:
    """Give the logs of another round's results the seeds of this one."""
    if source.seeds == book.seeds:
        return
    new = dict(book.seeds)
    for top in ("results", "compliance"):
        for log in (unit.submitter / top / unit.system / unit.benchmark).rglob("mlperf_log_detail.txt"):
            data = log.read_bytes()
            for name, seed in source.seeds:
                data = data.replace(b'"value": %d,' % seed, b'"value": %d,' % new[name])
            write(log, data)


def run(
    tools: Path,
    roots: dict[str, Path],
    round_name: str,
    count: int,
    seed: int,
    scratch: Path,
    only: frozenset[str] = frozenset(),
) -> Outcome:
    """Damage, judge by both, compare. `roots` maps archives to the folders that hold their divisions."""
    book = load_rulebook(round_name)
    units: list[Unit] = []
    for archive, source in OFFICIAL[round_name][0].items():
        local = scratch / archive  # links do not reach over file systems
        chosen = units_of(roots[archive])
        for unit in chosen:
            own = Unit(local / unit.submitter.relative_to(roots[archive]), unit.system, unit.benchmark, unit.size)
            bring(unit, own)
            reseed(own, load_rulebook(source), book)
            units.append(own)
    tree = scratch / "tree"
    copies = damage(units, tree, book, count, seed, only)
    outcome = compare(copies, judge_officially(tools, round_name, tree), tree, book)
    shutil.rmtree(tree)
    return outcome


def bring(unit: Unit, target: Unit) -> None:
    """Copy what belongs to a unit, and the rest of its submitter's folder if it is not there yet."""
    target.submitter.mkdir(parents=True, exist_ok=True)
    for top in unit.submitter.iterdir():
        inside = target.submitter / top.name
        if top.name in ("results", "measurements", "compliance"):
            source = top / unit.system / unit.benchmark
            if source.is_dir():
                shutil.copytree(source, inside / unit.system / unit.benchmark)
            for folder in (top, top / unit.system):
                for beside in folder.iterdir() if folder.is_dir() else ():
                    if beside.is_file() and (inside / folder.relative_to(top)).is_dir():
                        shutil.copy(beside, inside / folder.relative_to(top) / beside.name)
        elif not inside.exists():
            copy = shutil.copytree if top.is_dir() else shutil.copy
            copy(top, inside)


def show(round_name: str, outcome: Outcome) -> None:
    crashed = sum(map(len, outcome.crashes.values()))
    print(
        f"{round_name}: {outcome.copies} damaged copies, {outcome.results} results compared "
        f"({outcome.refused} refused officially), {len(outcome.disagreements)} disagreements, "
        f"{outcome.listed} listed differences, "
        f"{crashed} copies without an official verdict (traceback), of which we pass {len(outcome.passed_crashes)}"
    )
    for where, names in sorted(outcome.crashes.items(), key=lambda item: -len(item[1])):
        print(f"  traceback {where}: {len(names)}, as of {names[0]}")
    for line in outcome.passed_crashes:
        print(f"  passed though it crashes: {line}")
    for one in outcome.disagreements:
        print(f"\n  {one.copy.name} {one.copy.division} {one.copy.source}: {'; '.join(one.copy.done) or 'whole'}")
        print(f"    {one.path}\n    official {one.official}, ours {one.ours}")
        for line in one.because[:6]:
            print(f"      {line[:240]}")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("rounds", type=Path)
    parser.add_argument("--round", action="append", choices=list(OFFICIAL))
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", default=[], choices=list(mutations([])), help="kinds of damage")
    parser.add_argument("--out", type=Path, help="all disagreements as JSON")
    options = parser.parse_args()
    everything: list[dict[str, Any]] = []
    for round_name in options.round or OFFICIAL:
        with tempfile.TemporaryDirectory(prefix="differential-") as folder:
            scratch = Path(folder)
            tools = official_tools(options.checkout, round_name, scratch / "tools")
            roots = {archive: options.rounds / archive for archive in OFFICIAL[round_name][0]}
            outcome = run(tools, roots, round_name, options.count, options.seed, scratch, frozenset(options.only))
        show(round_name, outcome)
        everything += [asdict(one) | {"round": round_name} for one in outcome.disagreements]
    if options.out:
        options.out.write_text(json.dumps(everything, indent=1))
    return 1 if everything else 0


if __name__ == "__main__":
    sys.exit(main())
