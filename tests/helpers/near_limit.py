"""Real LoadGen runs in which about as many queries are over the limit as early stopping allows.

The system answers each query after a time drawn for it, most well below the limit and a chosen number just above it;
which ones LoadGen then finds over the limit is read from its trace, to the nanosecond. A child process makes several
runs, one after the other: this file run as a script. LoadGen's settings are set one by one, not from its configuration,
which it reads once a process.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

# Far above what the quick ones take, so that a busy machine does not put them over it.
LIMIT_NS = 500_000_000
TPOT_LIMIT_NS = 200_000_000
_TOKENS = 3
_QUERIES_PER_S = 2500


@dataclass(frozen=True)
class Case:
    """One run: `kind` says what is near its limit, `over` how many queries shall be over it."""

    kind: str  # server, ttft, tpot, single, multi
    queries: int
    over: int
    seed: int

    @property
    def scenario(self) -> str:
        return {"single": "SingleStream", "multi": "MultiStream"}.get(self.kind, "Server")

    @property
    def percentile(self) -> float:
        return 0.9 if self.kind == "single" else 0.99


@dataclass(frozen=True)
class Latencies:
    """What LoadGen's trace has of a run, in ns: of each query its latency, and in Server those of its tokens."""

    query: list[int]
    first_token: list[int]
    per_token: list[int]


def run(folder: Path, cases: list[Case]) -> list[Path]:
    """Make the runs in one process; the folders of their logs."""
    pytest.importorskip("mlperf_loadgen")
    folders = [folder / str(number) for number in range(len(cases))]
    for one in folders:
        one.mkdir(parents=True)
    told = json.dumps([asdict(case) for case in cases])
    done = subprocess.run(
        [sys.executable, __file__, str(folder)],
        input=told,
        capture_output=True,
        text=True,
        timeout=30 + 10 * len(cases),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folders


_EVENT = re.compile(r'"name":"(Sample|Latency|Token_Latency)".*?"ts":([\d.e+]+),"args":\{(.*?)\}\}')
_ARGUMENT = re.compile(r'"(\w+)":(\d+)')


def latencies_of(folder: Path) -> Latencies:
    """The latencies as LoadGen took them, from mlperf_log_trace.json."""
    done: dict[int, list[int]] = defaultdict(list)
    first: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], int] = {}
    for line in (folder / "mlperf_log_trace.json").read_text().splitlines():
        event = _EVENT.search(line.replace(" ", ""))
        if event is None:
            continue
        name, scheduled, told = event.groups()
        argument = {key: int(value) for key, value in _ARGUMENT.findall(told)}
        if name == "Sample":
            done[argument["query_seq"]].append(argument["complete_ns"])
        else:
            # No id, but when the query was due and issued, in ns.
            query = scheduled, argument["issue_delay"]
            of = first if name == "Token_Latency" else last
            assert query not in of
            of[query] = argument["issue_delay"] + argument["issue_to_done"]
    per_token = [(last[query] - first[query]) // (_TOKENS - 1) for query in first]
    return Latencies([max(parts) for parts in done.values()], list(first.values()), per_token)


def _delays(case: Case) -> list[tuple[float, float]]:
    """For each query the seconds to its first token and to its answer."""
    rng = random.Random(case.seed)
    over = set(rng.sample(range(case.queries), min(case.over, case.queries)))
    delays = []
    for query in range(case.queries):
        slow = query in over
        if case.kind in ("single", "multi"):
            delays.append((0.0, rng.uniform(0.0, 0.0005)))
            continue
        near_s = (rng.uniform(1.005, 1.2) if slow else rng.uniform(0.05, 0.3)) * LIMIT_NS / 1e9
        if case.kind == "tpot":
            gap_s = (rng.uniform(1.01, 1.3) if slow else rng.uniform(0.05, 0.3)) * TPOT_LIMIT_NS / 1e9 * (_TOKENS - 1)
            delays.append((0.01, 0.01 + gap_s))
        elif case.kind == "ttft":
            delays.append((near_s, near_s + 0.002))
        else:
            delays.append((0.0, near_s))
    return delays


def _main(folder: Path, cases: list[Case]) -> None:
    import heapq
    import itertools
    import threading
    import time
    from array import array

    import mlperf_loadgen as loadgen

    tokens = array("i", range(_TOKENS))
    address, _ = tokens.buffer_info()
    due: list[tuple[float, int, int, bool]] = []
    wake = threading.Condition()
    numbers = itertools.count()

    def answer(response_id: int, first: bool) -> None:
        if first:
            loadgen.FirstTokenComplete([loadgen.QuerySampleResponse(response_id, address, 4)])
        else:
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(response_id, address, 4 * _TOKENS, _TOKENS)])

    def serve() -> None:
        while True:
            with wake:
                while not due or due[0][0] > time.perf_counter():
                    wake.wait(due[0][0] - time.perf_counter() if due else None)
                ready = []
                while due and due[0][0] <= time.perf_counter():
                    ready.append(heapq.heappop(due))
            for _, _, response_id, first in ready:
                answer(response_id, first)

    threading.Thread(target=serve, daemon=True).start()
    for number, case in enumerate(cases):
        delays = iter(_delays(case))
        tokens_too = case.kind in ("ttft", "tpot")

        def issue(queries: list, delays=delays, tokens_too=tokens_too) -> None:
            first_s, done_s = next(delays, (0.0, 0.0))
            now = time.perf_counter()
            with wake:
                for query in queries:
                    if tokens_too:
                        heapq.heappush(due, (now + first_s, next(numbers), query.id, True))
                    heapq.heappush(due, (now + done_s, next(numbers), query.id, False))
                wake.notify()

        settings = loadgen.TestSettings()
        settings.scenario = getattr(loadgen.TestScenario, case.scenario)
        settings.mode = loadgen.TestMode.PerformanceOnly
        settings.min_duration_ms = 1
        settings.min_query_count = settings.max_query_count = case.queries
        settings.performance_sample_count_override = 64
        settings.schedule_rng_seed = case.seed
        settings.server_target_qps = _QUERIES_PER_S
        settings.server_target_latency_percentile = case.percentile
        settings.server_target_latency_ns = LIMIT_NS
        settings.single_stream_target_latency_percentile = case.percentile
        settings.single_stream_expected_latency_ns = 1_000_000
        settings.multi_stream_target_latency_percentile = case.percentile
        settings.multi_stream_expected_latency_ns = 1_000_000
        settings.multi_stream_samples_per_query = 2
        settings.use_token_latencies = tokens_too
        settings.ttft_latency, settings.tpot_latency = LIMIT_NS, TPOT_LIMIT_NS
        logs = loadgen.LogSettings()
        logs.log_output.outdir = str(folder / str(number))
        logs.log_output.copy_summary_to_stdout = False
        logs.enable_trace = True
        system = loadgen.ConstructSUT(issue, lambda: None)
        library = loadgen.ConstructQSL(64, 64, lambda _: None, lambda _: None)
        loadgen.StartTestWithLogSettings(system, library, settings, logs, "")
        loadgen.DestroyQSL(library)
        loadgen.DestroySUT(system)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), [Case(**case) for case in json.load(sys.stdin)])
