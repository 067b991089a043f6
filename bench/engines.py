"""The same work on the same engine through several harnesses: this one, vLLM alone, and two peers' SUTs.

    python bench/engines.py [--parts offline,server,rate] [--suts NAME,...] [--rounds 4] [--quick]
                            [--mlcommons FOLDER] [--amd FOLDER] [--endpoint URL]

The embedded FP8 model on vLLM's CPU build, with the same prompts, engine arguments and LoadGen settings for all. Each
SUT loads its engine once for Offline and once for Server; then the SUTs take turns, and the order is reversed from
round to round. Before each run there is a pause of two seconds, because an engine's worker polls for a second after
its last answer.

- `offline`: tokens/s of an Offline run, and the ratio to `LLM.generate` in the same round.
- `server`: the highest Server rate that LoadGen calls valid, with a tenth of llama2-70b's latency limits, on a scale of
  5 % steps. The first round bisects the scale; each further round bisects the six steps around the result before.
- `rate`: p99 of TTFT and TPOT with all at one Server rate (`--rate`).

The SUTs are LLM.generate (Offline only), submitter, AMD, MLCommons and "submitter endpoint"; with `--suts` only those
that it names. "submitter 2 ranks" and "MLCommons batch 16" (Offline only) run only if it names them.

CPU time is that of the harness: LoadGen, the SUT and vLLM's front end, without vLLM's own processes (`VLLM::...`).

`--mlcommons` is `language/llama3.1-8b` of a checkout of mlcommons/inference; `--amd` is AMD's folder
`code/llama2-70b-99.9` of the results of round v5.1. Their code is not part of this project: bench/hosts says what of it
is replaced. Prints the tables of bench/BENCHMARKS.md.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from engine_suts import Figures, Sut, Workload, suts_of

from submitter.embedded.dataset import prepare
from submitter.model import Scenario

YARDSTICK = "LLM.generate"
_PAUSE_S = 2.0
LOWEST_RATE, STEP, STEPS = 200.0, 1.05, 24
# A tenth of the limits of llama2-70b's Server scenario (mlperf.conf): 2,000 ms and 200 ms.
TTFT_LIMIT_MS, TPOT_LIMIT_MS = 200, 20


def rate_of(step: int) -> float:
    """The Server rate of a step of the scale, in samples/s."""
    return round(LOWEST_RATE * STEP**step, 1)


def highest_valid(is_valid: Callable[[int], bool], lowest: int, highest: int) -> int:
    """The highest step that is valid, by bisection; `lowest` - 1 if not even the lowest is."""
    low, high = lowest - 1, highest + 1
    while high - low > 1:
        middle = (low + high) // 2
        if is_valid(middle):
            low = middle
        else:
            high = middle
    return low


def spread(values: list[float], digits: int = 0) -> str:
    """The median of the values, and the lowest and the highest."""
    if not values:
        return ""
    shown = [f"{value:,.{digits}f}" for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def print_table(title: str, heads: list[str], rows: list[list[str]]) -> None:
    print(f"\n{title}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    print(flush=True)


class Bench:
    """The SUTs of one part, loaded, and their figures by name, one per round."""

    def __init__(self, suts: list[Sut], work: Workload, rounds: int) -> None:
        self.suts = suts
        self.work = work
        self.rounds = rounds
        self.figures: dict[str, list[Figures]] = defaultdict(list)

    def in_turns(self, action: Callable[[Sut, int], None]) -> None:
        for number in range(self.rounds):
            for sut in self.suts if number % 2 == 0 else reversed(self.suts):
                action(sut, number)

    def run(self, sut: Sut, scenario: Scenario, rate: float = 0.0) -> Figures:
        time.sleep(_PAUSE_S)
        found = sut.run(scenario, self.work.user_conf(scenario, rate))
        rated = f" at {rate:g}/s: {'valid' if found.valid else 'INVALID'}," if rate else ":"
        print(f"{sut.name}{rated} {found}", flush=True)
        return found

    def offline(self) -> None:
        self.in_turns(lambda sut, _: self.figures[sut.name].append(self.run(sut, Scenario.OFFLINE)))
        alone = [each.tokens_per_s for each in self.figures.get(YARDSTICK, [])]
        rows = []
        for sut in self.suts:
            mine = [each.tokens_per_s for each in self.figures[sut.name]]
            ratios = [one / other for one, other in zip(mine, alone, strict=False)]
            rows.append([sut.name, spread(mine), spread(ratios, 3), self.cpu(sut)])
        print_table(
            f"Offline, {self.work.samples:,} samples, {self.rounds} rounds: median (lowest to highest)",
            ["SUT", "tokens/s", f"ratio to {YARDSTICK}", "harness, CPU s per 1,000 samples"],
            rows,
        )

    def cpu(self, sut: Sut) -> str:
        return spread([each.cpu_s / each.samples * 1000 for each in self.figures[sut.name]], 2)

    def server(self) -> None:
        best: dict[str, list[int]] = defaultdict(list)

        def search(sut: Sut, number: int) -> None:
            before = best[sut.name][-1] if best[sut.name] else None
            lowest, highest = (0, STEPS) if before is None else (max(0, before - 2), min(STEPS, before + 3))
            step = highest_valid(lambda step: self.run(sut, Scenario.SERVER, rate_of(step)).valid, lowest, highest)
            best[sut.name].append(step)
            print(f"{sut.name}: {rate_of(step):g}/s is the highest valid rate of round {number + 1}", flush=True)

        self.in_turns(search)
        rows = [[sut.name, spread([rate_of(step) for step in best[sut.name]])] for sut in self.suts]
        print_table(
            f"Highest valid Server rate, runs of {self.work.seconds:g} s, TTFT {TTFT_LIMIT_MS} ms, "
            f"TPOT {TPOT_LIMIT_MS} ms, {self.rounds} rounds: median (lowest to highest)",
            ["SUT", "samples/s"],
            rows,
        )

    def equal_rate(self, rate: float) -> None:
        self.in_turns(lambda sut, _: self.figures[sut.name].append(self.run(sut, Scenario.SERVER, rate)))
        rows = [
            [
                sut.name,
                spread([each.ttft_p99_ms for each in self.figures[sut.name]], 1),
                spread([each.tpot_p99_ms for each in self.figures[sut.name]], 2),
                self.cpu(sut),
            ]
            for sut in self.suts
        ]
        print_table(
            f"Server at {rate:g} samples/s, runs of {self.work.seconds:g} s, {self.rounds} rounds: "
            "median (lowest to highest)",
            ["SUT", "p99 TTFT, ms", "p99 TPOT, ms", "harness, CPU s per 1,000 samples"],
            rows,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="offline,server,rate")
    parser.add_argument("--suts", default="", help="names with a comma between them")
    parser.add_argument("--rounds", type=int, default=4, help="of offline; server and rate have half as many")
    parser.add_argument("--samples", type=int, default=4096, help="of an Offline run")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a Server run")
    parser.add_argument("--rate", type=float, default=300.0, help="the one rate of the part 'rate'")
    parser.add_argument("--mlcommons", type=Path)
    parser.add_argument("--amd", type=Path)
    parser.add_argument("--endpoint", help="the URL of a server with the same model, for the engine 'endpoint'")
    parser.add_argument("--quick", action="store_true", help="one round of short runs: shows that all parts work")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.samples, chosen.seconds = 1, 512, 3.0
    named = [name for name in chosen.suts.split(",") if name]
    parts = chosen.parts.split(",")
    if unknown := set(parts) - {"offline", "server", "rate"}:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="bench-engines-") as scratch:
        work = Workload(
            data=prepare(Path(scratch, "data")),
            folder=Path(scratch),
            samples=chosen.samples,
            seconds=chosen.seconds,
            ttft_limit_ms=TTFT_LIMIT_MS,
            tpot_limit_ms=TPOT_LIMIT_MS,
        )
        for scenario in (Scenario.OFFLINE, Scenario.SERVER):
            mine = [part for part in parts if (part == "offline") == (scenario is Scenario.OFFLINE)]
            if not mine:
                continue
            with ExitStack() as loaded:
                suts = [
                    loaded.enter_context(sut)
                    for sut in suts_of(scenario, work, chosen.mlcommons, chosen.amd, chosen.endpoint, named)
                ]
                for part in mine:
                    bench = Bench(suts, work, chosen.rounds if part == "offline" else (chosen.rounds + 1) // 2)
                    if part == "offline":
                        bench.offline()
                    elif part == "server":
                        bench.server()
                    else:
                        bench.equal_rate(chosen.rate)


if __name__ == "__main__":
    main()
