"""`make faults`: injects every fault into a campaign of its own, and writes the table of docs/reliability.md.

`python -m faults [FAULT...] [--kills N] [--vllm-kills N] [--seed N]`: with names, only the faults whose id begins with
one of them, and no page is written. Run it as root in a mount namespace of its own: `unshare --mount`.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from two_hosts import Hosts, two_hosts

from faults import disk, engine, machine, nodes, page
from faults.attempt import STAGES, Reference
from faults.kills import kills
from faults.packaging import Packages
from faults.record import Attempt, Engine, Fault
from faults.signals import signals
from faults.site import REPOSITORY, CannotBeMadeHereError

_PAGE = REPOSITORY / "docs" / "reliability.md"
_SHOWN_LINES = 12  # of the output of a campaign that is not as required
# At the same time: two campaigns on echo, which mostly wait, and one of the others.
_LANES = {Engine.ECHO: 2, Engine.VLLM: 1, Engine.ECHO_NODES: 1, Engine.VLLM_NODES: 1}


def main(arguments: list[str]) -> int:
    """Inject the faults; 1 if the outcome of any is not as required."""
    options = _parser().parse_args(arguments)
    print(f"seed {options.seed}", file=sys.stderr)
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        injector = Injector(Path(folder), options)
        with ThreadPoolExecutor(2) as pool:
            echo = pool.submit(injector.inject, (Engine.ECHO,))
            others = pool.submit(injector.inject, (Engine.VLLM, Engine.ECHO_NODES, Engine.VLLM_NODES))
            try:
                attempts = [*echo.result(), *others.result(), *injector.packages()]
            except BaseException:
                injector.has_ended = True
                raise
    wrong = [attempt for attempt in attempts if attempt.problems]
    minutes = (time.monotonic() - began_s) / 60
    print(f"{len(attempts)} faults in {minutes:.1f} min, {len(wrong)} not as required", file=sys.stderr)
    for fault, why in injector.left_out:
        print(f"{fault}: cannot be made here: {why}", file=sys.stderr)
    if not options.faults:
        _PAGE.write_text(page.with_table(_PAGE.read_text(), page.section(attempts, options.seed, minutes)))
    return 1 if wrong or injector.left_out or not attempts else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m faults")
    parser.add_argument("faults", nargs="*", help="only faults whose id begins with one of these")
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs of campaigns on echo")
    parser.add_argument("--vllm-kills", type=int, default=5, help="SIGKILLs of campaigns on vLLM")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    return parser


class Injector:
    """Makes the chosen faults. `left_out` has those that this machine cannot make, and why."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        self._folder, self._options = folder, options
        self._mounted = folder / "here"
        self._mounted.mkdir()
        self.left_out: list[tuple[str, str]] = []
        self.has_ended = False

    def inject(self, engines: tuple[Engine, ...]) -> list[Attempt]:
        """The faults of each engine, one engine after the other."""
        return [attempt for each in engines for attempt in self._of(each)]

    def packages(self) -> list[Attempt]:
        """The faults of `submitter package`, which needs no engine."""
        names = tuple(self._options.faults)
        if names and not any(name.startswith("package") for name in names):
            return []
        packages = Packages(self._folder / "packages", self._mounted)
        faults = [fault for fault in packages.faults() if not names or fault.id.startswith(names)]
        return [done for fault in faults if (done := self._attempted(packages, fault)) is not None]

    def _of(self, each: Engine) -> list[Attempt]:
        none_known = {stage.name: 0.0 for stage in STAGES.get(each, ())}
        if not self._chosen(each, none_known):
            return []
        try:
            with _hosts(each) as hosts:
                reference = Reference(self._folder / each.name.lower(), self._mounted, each, hosts)
                faults = self._chosen(each, reference.stage_s)
                with ThreadPoolExecutor(_LANES[each]) as pool:
                    return [done for done in pool.map(partial(self._attempted, reference), faults) if done is not None]
        except (CannotBeMadeHereError, AssertionError) as error:  # or the undisturbed campaign fails
            self.left_out += [(fault.id, str(error)) for fault in self._chosen(each, none_known)]
            return []

    def _chosen(self, each: Engine, stage_s: dict[str, float]) -> list[Fault]:
        rng = random.Random(self._options.seed)
        of_engine: dict[Engine, Callable[[], list[Fault]]] = {
            Engine.ECHO: lambda: [
                *kills(each, self._options.kills, rng, stage_s),
                *engine.FAULTS,
                *disk.FAULTS,
                *signals(stage_s),
                *machine.CLOCK_FAULTS,
                machine.memory_fault(each),
            ],
            Engine.VLLM: lambda: [
                *kills(each, self._options.vllm_kills, rng, stage_s),
                machine.CORE_FAULT,
                machine.memory_fault(each),
            ],
            Engine.ECHO_NODES: lambda: nodes.losses(each),
            Engine.VLLM_NODES: lambda: nodes.losses(each),
        }
        names = tuple(self._options.faults)
        return [fault for fault in of_engine[each]() if not names or fault.id.startswith(names)]

    def _attempted(self, reference: Reference | Packages, fault: Fault) -> Attempt | None:
        if self.has_ended:
            return None
        try:
            attempt = reference.attempt(fault)
        except CannotBeMadeHereError as error:
            self.left_out.append((fault.id, str(error)))
            return None
        except Exception as error:  # a mistake of the injector costs this fault, and not the minutes of all the others
            self.left_out.append((fault.id, f"{type(error).__name__}: {error}"))
            return None
        outcome = "; ".join(attempt.problems) or "as required"
        print(f"{fault.id}: {outcome}  [{attempt.code}] {attempt.line}", file=sys.stderr)
        if attempt.problems:
            lines = [line for line in attempt.output.splitlines() if not line.startswith("preflight ok")]
            print("".join(f"    {line}\n" for line in lines[-_SHOWN_LINES:]), file=sys.stderr)
        return attempt


@contextlib.contextmanager
def _hosts(each: Engine) -> Iterator[Hosts | None]:
    """Two machines for an engine on two."""
    if not each.has_nodes:
        yield None
        return
    import pytest

    try:
        with two_hosts() as hosts:
            yield hosts
    except pytest.skip.Exception as error:
        raise CannotBeMadeHereError(str(error)) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
