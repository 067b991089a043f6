"""The speed of `submitter check` compared with the official checker: whole rounds, one system, interpreter start.

    python bench/check_speed.py CHECKOUT ROUND=FOLDER [ROUND=FOLDER ...] [--repeat 3] [--jobs 2] [--before OURS]

    python bench/check_speed.py ~/inference v5.1=rounds/v5.1 v4.1=rounds/v4.1

CHECKOUT is a git checkout of mlcommons/inference with its tags. Each round is checked by its own official checker, run
with its default flags. FOLDER holds the round's `closed/` and `open/`. The checkers run in turns, `--repeat` times.
OURS is an earlier checkout of this project, which takes its turns too.
Wall times are medians and include the start of the interpreter. Memory is the peak of the proportional set sizes,
summed over all processes of a checker, from a separate run that is not timed. Prints Markdown.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

_OLD_FILES = ("submission_checker.py", "log_parser.py", "power")
# The commit and the files of each round's official checker.
OFFICIAL = {
    "v4.1": ("v4.1", _OLD_FILES),
    "v5.0": ("v5.0.1", _OLD_FILES),
    "v5.1": ("v5.1.1", _OLD_FILES),
    "v6.0": ("b66003e1", ("submission_checker",)),
    "v6.1": ("b66003e1", ("submission_checker",)),
}
_SAMPLE_S = 0.02
_SHORT_REPEAT = 10


def official_command(checkout: Path, round_name: str, folder: Path, scratch: Path) -> list[str]:
    """The command line of the round's official checker, extracted from the history of the checkout."""
    commit, names = OFFICIAL[round_name]
    tools = scratch / f"official-{round_name}"
    tools.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(checkout), "archive", f"{commit}:tools/submission", *names], capture_output=True, check=True
    )
    subprocess.run(["tar", "x", "-C", str(tools)], input=archive.stdout, check=True)
    script = tools / ("submission_checker.py" if names is _OLD_FILES else "submission_checker/main.py")
    csv = scratch / "summary.csv"
    return [sys.executable, str(script), "--input", str(folder), "--version", round_name, "--csv", str(csv)]


def our_command(
    round_name: str, folder: Path, profile: str, jobs: int, scratch: Path, before: Path | None = None
) -> list[str]:
    """The command line of `submitter check`: of the installed one, or of the checkout `before`."""
    report = f"json={scratch / 'report.json'}"
    options = ["--round", round_name, "--profile", profile, "--jobs", str(jobs), "--format", report]
    earlier = ["env", f"PYTHONPATH={before}", sys.executable, "-m", "submitter.cli"]
    return [*(earlier if before else [submitter()]), "check", str(folder.resolve()), *options]


def submitter() -> str:
    """The installed command: the one next to this interpreter, if there is one."""
    script = Path(sysconfig.get_path("scripts")) / "submitter"
    found = str(script) if script.exists() else shutil.which("submitter")
    if found is None:
        sys.exit("submitter is not installed")
    return found


def wall_s(command: list[str]) -> float:
    started_s = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"exit code {done.returncode}: {' '.join(command)}")
    return time.perf_counter() - started_s


def peak_mb(command: list[str]) -> float:
    """The peak proportional set size of a command and its children together, in MB of 2**20 bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak_kb = 0

    def watch() -> None:
        nonlocal peak_kb
        while process.poll() is None:
            peak_kb = max(peak_kb, sum(map(_pss_kb, _family(process.pid))))
            time.sleep(_SAMPLE_S)

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    watcher.join()
    return peak_kb / 1024


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(member for child in children for member in _family(int(child)))]


def _pss_kb(pid: int) -> int:
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def in_turns(commands: dict[str, list[str]], repeat: int) -> dict[str, float]:
    """The median wall time of each command, in s; the first command changes from turn to turn."""
    times_s: dict[str, list[float]] = {name: [] for name in commands}
    names = list(commands)
    for turn in range(repeat):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            times_s[name].append(wall_s(commands[name]))
    return {name: statistics.median(times) for name, times in times_s.items()}


def whole_round(
    checkout: Path, round_name: str, folder: Path, repeat: int, jobs: int, scratch: Path, before: Path | None
) -> None:
    official = official_command(checkout, round_name, folder, scratch)
    commands = {f"official, {OFFICIAL[round_name][0]}": official}
    for profile in ("official", "full"):
        commands[f"submitter, {profile}"] = our_command(round_name, folder, profile, jobs, scratch)
        if before:
            commands[f"submitter before, {profile}"] = our_command(round_name, folder, profile, jobs, scratch, before)
    for command in commands.values():
        wall_s(command)  # so that the files are in the page cache for every checker
    times_s = in_turns(commands, repeat)
    official_s = next(iter(times_s.values()))
    for name, command in commands.items():
        ratio = official_s / times_s[name]
        print(f"| {round_name} | {name} | {times_s[name]:.2f} | {ratio:.1f}x | {peak_mb(command):.0f} |", flush=True)


def one_system(folder: Path) -> Path:
    """The results folder with the median number of files: not the smallest system, and not the largest."""
    systems = [path for path in folder.glob("*/*/results/*") if path.is_dir()]
    return sorted(systems, key=lambda path: (sum(1 for _ in path.rglob("*")), str(path)))[len(systems) // 2]


def short_times(round_name: str, folder: Path, scratch: Path, before: Path | None) -> None:
    system = one_system(folder)
    results = sum(1 for path in system.glob("*/*") if path.is_dir())
    commands: dict[str, list[str]] = {
        f"one system of {round_name}, {results} results": our_command(round_name, system, "full", 1, scratch),
        "`submitter --help`": [submitter(), "--help"],
        **({"the same system, before": our_command(round_name, system, "full", 1, scratch, before)} if before else {}),
        "the Python interpreter alone": [sys.executable, "-c", ""],
    }
    for name, command in commands.items():
        print(f"| {name} | {statistics.median(wall_s(command) for _ in range(_SHORT_REPEAT)):.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("rounds", nargs="+", metavar="ROUND=FOLDER")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--before", type=lambda text: Path(text).resolve())
    options = parser.parse_args()
    rounds = {name: Path(folder) for name, _, folder in (text.partition("=") for text in options.rounds)}
    for name, folder in rounds.items():
        if name not in OFFICIAL or not folder.is_dir():
            parser.error(f"{name}={folder}: give one of the rounds {', '.join(OFFICIAL)} and its folder")
    with tempfile.TemporaryDirectory(prefix="check-speed-") as temporary:
        scratch = Path(temporary)
        print(f"{options.jobs} processes, medians of {options.repeat} runs\n")
        print("| round | checker | wall, s | speedup | memory, MB |\n|---|---|---|---|---|")
        for name, folder in rounds.items():
            whole_round(options.checkout, name, folder, options.repeat, options.jobs, scratch, options.before)
        print(f"\nOne process, medians of {_SHORT_REPEAT} runs\n\n| command | wall, s |\n|---|---|")
        short_times(*next(iter(rounds.items())), scratch, options.before)


if __name__ == "__main__":
    main()
