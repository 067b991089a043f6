"""The cost of Python's garbage collector for the harness when many samples are in flight.

    python bench/collector.py [--samples 100000] [--in-flight 12000]

Runs the echo engine behind the SUT, without LoadGen, each time in a new process: with the collector on, as Python
starts it, and off, as during a run. Prints seconds, collections, the longest pause, and the peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import resource
import subprocess
import sys
import time
from collections.abc import Sequence

from submitter.harness.engines import EnginePlan, create
from submitter.harness.sut import Sut

PROMPT_TOKENS = 300
SETTINGS = {"output_tokens": 280, "per_token_ms": 0.5}
EOS = 2


class Prompts:
    def __len__(self) -> int:
        return 24576

    def prompt(self, index: int) -> Sequence[int]:
        return [5 + index % 1000] * PROMPT_TOKENS


class Counter:
    def __init__(self) -> None:
        self.complete_count = 0

    def first_token(self, response_id: int, token: int) -> None:
        pass

    def complete(self, response_id: int, tokens: Sequence[int]) -> None:
        self.complete_count += 1


async def measure(samples: int, in_flight: int, collector: str) -> None:
    engine = create("echo", SETTINGS, EnginePlan(model="none", max_new_tokens=1024, eos_token_id=EOS))
    await engine.start()
    counter = Counter()
    sut = Sut(
        engine,
        Prompts(),
        counter,
        eos_token_id=EOS,
        max_new_tokens=1024,
        in_flight=in_flight,
        sort_offline=False,
        on_failure=lambda error: sys.exit(f"failed: {error}"),
    )
    pauses_s: list[float] = []
    began_s = 0.0

    def watch(phase: str, _: dict[str, int]) -> None:
        nonlocal began_s
        if phase == "start":
            began_s = time.perf_counter()
        else:
            pauses_s.append(time.perf_counter() - began_s)

    gc.collect()
    gc.freeze()
    if collector == "off":
        gc.disable()
    gc.callbacks.append(watch)
    sut.begin(stream=True)
    started_s = time.perf_counter()
    sut.issue([(number, number % len(Prompts())) for number in range(samples)])
    while counter.complete_count < samples:
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started_s
    await sut.end()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"collector {collector}: {seconds:.2f} s, {len(pauses_s)} collections took {sum(pauses_s):.2f} s, the longest "
        f"{max(pauses_s, default=0) * 1000:.0f} ms, peak {peak_mb:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=100_000)
    parser.add_argument("--in-flight", type=int, default=12_000)
    parser.add_argument("--collector", choices=("on", "off"))
    chosen = parser.parse_args()
    if chosen.collector:
        asyncio.run(measure(chosen.samples, chosen.in_flight, chosen.collector))
        return
    for collector in ("on", "off") * 2:
        subprocess.run([sys.executable, __file__, *sys.argv[1:], "--collector", collector], check=True)


if __name__ == "__main__":
    main()
