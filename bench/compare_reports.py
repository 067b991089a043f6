"""Compares the reports of two versions of the checker: `check --format json` of two checkouts on the same trees.

    python bench/compare_reports.py BEFORE AFTER ROUND=FOLDER [ROUND=FOLDER ...]

    python bench/compare_reports.py ../before . v4.1=rounds/v4.1 v5.1=rounds/v5.1 v6.0=rounds/v6.0-part

BEFORE and AFTER are checkouts of this project; FOLDER holds `closed/` and `open/`. Both profiles are compared.
Everything in the reports is compared: verdicts, figures, units, each finding's rule, severity, origin, path, line and
source, and the summary. Only the wording may differ: a finding's message, found, required and hint, and a rule's title
and reason. Such differences are listed, each once with its count. The exit code is 1 if anything else differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

PROFILES = ("official", "full")
WORDS = ("message", "found", "required", "hint", "title", "why")
_SHOWN = 20


def report(checkout: Path, round_name: str, folder: Path, profile: str) -> dict[str, Any]:
    """The JSON report that a checkout's `submitter check` prints."""
    command = [sys.executable, "-m", "submitter.cli", "check", str(folder.resolve())]
    command += ["--round", round_name, "--profile", profile, "--format", "json"]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    done = subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"exit code {done.returncode} in {checkout}: {done.stderr.strip()}")
    content: dict[str, Any] = json.loads(done.stdout)
    return content


def differences(before: Any, after: Any, where: str, words: Counter[tuple[str, str, str]]) -> list[str]:
    """Where two reports differ in more than their wording; differences in wording are counted in `words`."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = [f"{where}: key {key!r} is in one report only" for key in before.keys() ^ after.keys()]
        for key in before.keys() & after.keys():
            one, other = before[key], after[key]
            if key in WORDS and isinstance(one, str) and isinstance(other, str):
                if one != other:
                    words[before.get("rule", key), one, other] += 1
            else:
                found += differences(one, other, f"{where}.{key}", words)
        return found
    if isinstance(before, list) and isinstance(after, list):
        if len(before) != len(after):
            return [f"{where}: {len(before)} entries before, {len(after)} after"]
        pairs = enumerate(zip(before, after, strict=True))
        return [line for i, (one, other) in pairs for line in differences(one, other, f"{where}[{i}]", words)]
    return [] if before == after else [f"{where}: {before!r} before, {after!r} after"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("rounds", nargs="+", metavar="ROUND=FOLDER")
    options = parser.parse_args()
    wrong = 0
    words: Counter[tuple[str, str, str]] = Counter()
    for named in options.rounds:
        round_name, _, folder = named.partition("=")
        for profile in PROFILES:
            before, after = (report(c, round_name, Path(folder), profile) for c in (options.before, options.after))
            reworded: Counter[tuple[str, str, str]] = Counter()
            found = differences(before, after, "report", reworded)
            words += reworded
            wrong += len(found)
            counts = f"{len(after['results']):,} results, {len(after['findings']):,} findings"
            print(f"{round_name} {profile:<8} {counts}: {len(found)} differences, {reworded.total():,} reworded")
            for line in found[:_SHOWN]:
                print(f"  {line}")
    for (rule, before_text, after_text), count in sorted(words.items()):
        print(f"{rule} {count}x\n  - {before_text}\n  + {after_text}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
