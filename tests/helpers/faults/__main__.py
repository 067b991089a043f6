"""`make faults`: injects every fault into a campaign of its own, and writes the table of docs/reliability.md.

`python -m faults [FAULT...] [--kills N] [--vllm-kills N] [--seed N]`: with names, only the faults whose id begins with
one of them, and no page is written. Run it as root in a mount namespace of its own: `unshare --mount`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

from faults import disk, engine, machine, page
from faults.attempt import Reference
from faults.kills import kills
from faults.record import Attempt, Engine, Fault
from faults.signals import signals
from faults.site import REPOSITORY, CannotBeMadeHereError

_PAGE = REPOSITORY / "docs" / "reliability.md"
_SHOWN_LINES = 12  # of the output of a campaign that is not as required
_LANES = 2  # campaigns on echo at once: they mostly wait


def main(arguments: list[str]) -> int:
    """Inject the faults; 1 if the outcome of any is not as required."""
    options = _parser().parse_args(arguments)
    rng = random.Random(options.seed)
    print(f"seed {options.seed}", file=sys.stderr)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        attempts = _attempts(Path(folder), options, rng)
    wrong = [attempt for attempt in attempts if attempt.problems]
    minutes = (time.monotonic() - began_s) / 60
    print(f"{len(attempts)} faults in {minutes:.1f} min, {len(wrong)} not as required", file=sys.stderr)
    if not options.faults:
        text = f"Made by `make faults` with seed {options.seed}: {len(attempts)} faults.\n\n{page.table(attempts)}"
        _PAGE.write_text(page.with_table(_PAGE.read_text(), text))
    return 1 if wrong or not attempts else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("faults", nargs="*", help="only faults whose id begins with one of these")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--vllm-kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser


def _attempts(folder: Path, options: argparse.Namespace, rng: random.Random) -> list[Attempt]:
    """On each engine at the same time; vLLM's faults one after the other."""
    mounted = folder / "here"
    mounted.mkdir()

    def is_chosen(fault: Fault) -> bool:
        return not options.faults or fault.id.startswith(tuple(options.faults))

    seeds = {each: rng.randrange(10**9) for each in Engine}

    def of(each: Engine, lanes: int) -> list[Attempt]:
        if options.faults and not any(is_chosen(fault) for fault in _faults(each, dict.fromkeys(_names(each), 0.0), options, 0)):
            return []
        reference = Reference(folder / each.name.lower(), mounted, each)
        faults = [fault for fault in _faults(each, reference.stage_s, options, seeds[each]) if is_chosen(fault)]
        with ThreadPoolExecutor(lanes) as pool:
            return [done for done in pool.map(partial(_attempted, reference), faults) if done is not None]

    with ThreadPoolExecutor(len(Engine)) as pool:
        lanes: list[Future[list[Attempt]]] = [pool.submit(of, Engine.ECHO, _LANES), pool.submit(of, Engine.VLLM, 1)]
        return [attempt for lane in lanes for attempt in lane.result()]


def _names(each: Engine) -> list[str]:
    from faults.attempt import STAGES

    return [stage.name for stage in STAGES[each]]


def _faults(each: Engine, stage_s: dict[str, float], options: argparse.Namespace, seed: int) -> list[Fault]:
    rng = random.Random(seed)
    if each is Engine.VLLM:
        return [*kills(each, options.vllm_kills, rng, stage_s), machine.memory_fault(each)]
    return [
        *kills(each, options.kills, rng, stage_s),
        *engine.FAULTS,
        *disk.FAULTS,
        *signals(stage_s),
        *machine.CLOCK_FAULTS,
        machine.memory_fault(each),
    ]


def _attempted(reference: Reference, fault: Fault) -> Attempt | None:
    try:
        attempt = reference.attempt(fault)
    except CannotBeMadeHereError as error:
        print(f"{fault.id}: cannot be made here: {error}", file=sys.stderr)
        return None
    print(f"{fault.id}: {'; '.join(attempt.problems) or 'as required'}  [{attempt.code}] {attempt.line}", file=sys.stderr)
    if attempt.problems:
        lines = [line for line in attempt.output.splitlines() if not line.startswith("preflight ok")]
        print("".join(f"    {line}\n" for line in lines[-_SHOWN_LINES:]), file=sys.stderr)
    return attempt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
