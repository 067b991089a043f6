"""Short LoadGen runs on a trivial system, for tests that want the real logs.

LoadGen reads its built-in configuration once a process, so each run is a process: this file run as a script.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

AUDIT_SAMPLES = 10
EOS = 2


def run(folder: Path, scenario: str, *, accuracy: bool = False, audit: bool = False, samples: int = 64) -> Path:
    """Run llama2-70b's settings, shortened, over `samples` samples; `folder` then holds LoadGen's logs."""
    folder.mkdir(parents=True)
    command = [sys.executable, __file__, str(folder), scenario, str(samples), str(int(accuracy)), str(int(audit))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def tokens_of(index: int) -> list[int]:
    """What the trivial system answers to a sample; the indices spread so that logs differ in length and bytes."""
    return [*range(index + 3, index + 6 + index % 7), EOS]


def _main(folder: str, scenario: str, samples: int, accuracy: bool, audit: bool) -> None:
    from array import array

    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    settings.FromConfig("", "llama2-70b", scenario, 0)
    settings.scenario = getattr(loadgen.TestScenario, scenario)
    settings.mode = loadgen.TestMode.AccuracyOnly if accuracy else loadgen.TestMode.PerformanceOnly
    settings.min_duration_ms = 10
    settings.min_query_count = samples
    settings.performance_sample_count_override = samples
    settings.server_target_qps = 2000
    if audit:
        settings.accuracy_log_sampling_target = AUDIT_SAMPLES

    def issue(queries: list) -> None:
        for query in queries:
            tokens = array("i", tokens_of(query.index))
            address = tokens.buffer_info()[0]
            loadgen.FirstTokenComplete([loadgen.QuerySampleResponse(query.id, address, tokens.itemsize)])
            size = len(tokens) * tokens.itemsize
            loadgen.QuerySamplesComplete([loadgen.QuerySampleResponse(query.id, address, size, len(tokens))])

    output = loadgen.LogOutputSettings()
    output.outdir = folder
    logs = loadgen.LogSettings()
    logs.log_output = output
    logs.enable_trace = False
    system = loadgen.ConstructSUT(issue, lambda: None)
    library = loadgen.ConstructQSL(samples, samples, lambda _: None, lambda _: None)
    loadgen.StartTestWithLogSettings(system, library, settings, logs, "")
    loadgen.DestroyQSL(library)
    loadgen.DestroySUT(system)


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1", sys.argv[5] == "1")
