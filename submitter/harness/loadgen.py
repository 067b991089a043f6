"""LoadGen: its settings, the QSL, one test run. The only importer of `mlperf_loadgen`.

LoadGen's `FromConfig(path, model, scenario)` applies the built-in configuration only on its first call in a process;
later runs silently lose seeds and limits. Loading the built-in configuration by its own type (0), and then `user.conf`
by type 2, gives every run of a process the same settings as the first run of a fresh process
(loadgen/test_settings_internal.cc; a test compares the two).
"""

from __future__ import annotations

import hashlib
import math
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter import input_file, layout, packages
from submitter.errors import InputError, NotInstalledError, RunError
from submitter.loadgen_conf import USER_CONF_HINT, read_file, require_accepted
from submitter.model import Mode, Scenario
from submitter.record import sha256_of
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import Seeds
from submitter.scratch import scratch_folder
from submitter.units import MS_PER_S

_BUILT_IN, _USER_CONF = 0, 2
DISTRIBUTION = "mlcommons-loadgen"


def _module() -> Any:
    with packages.required(packages.RUNS, DISTRIBUTION):
        import mlperf_loadgen
    return mlperf_loadgen


def version() -> str:
    """The version of the installed LoadGen; NotInstalledError if it is not installed."""
    if found := packages.version_of(DISTRIBUTION):
        return found
    raise packages.missing(packages.RUNS, DISTRIBUTION)


def require_for(book: Rulebook) -> str:
    """The version of the installed LoadGen, which can make the runs of the round.

    NotInstalledError, with what installs the right one, if it is another round's, or if it or numpy is not installed.
    """
    found, facts = version(), book.round
    if found not in facts.loadgen_versions and not found.startswith(facts.loadgen_versions_tolerated):
        raise NotInstalledError(
            f"LoadGen {found} is installed, round {book.name} requires {_shown(facts.loadgen_versions)}",
            packages.loadgen_command(facts.loadgen_package),
        )
    if built_in_seeds() != book.seeds:
        raise NotInstalledError(
            f"LoadGen {found} has the seeds of another round than {book.name}",
            packages.loadgen_command(facts.loadgen_package),
        )
    with packages.required(packages.RUNS, "numpy"):
        import numpy  # noqa: F401
    return found


def _shown(versions: tuple[str, ...]) -> str:
    return versions[0] if len(versions) == 1 else f"one of {versions[0]} to {versions[-1]}"


def built_in_seeds() -> Seeds:
    """The seeds in LoadGen's built-in configuration, which are one round's. NotInstalledError without LoadGen."""
    settings = _module().TestSettings()
    settings.FromConfig("", "*", Scenario.OFFLINE.loadgen_name, _BUILT_IN)
    return Seeds(**{name: getattr(settings, name) for name in Seeds.__struct_fields__})


@cache
def build_sha256() -> str:
    """One hash for the installed LoadGen, over the names and contents of its package's files; empty if it has none."""
    files = sorted(metadata.files(DISTRIBUTION) or (), key=str)
    built = [(file, Path(str(file.locate()))) for file in files if ".dist-info" not in str(file)]
    digest = hashlib.sha256()
    for file, path in built:
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{file} {sha256_of(path)}\n".encode())
    return digest.hexdigest() if built else ""


@dataclass(frozen=True, kw_only=True)
class EffectiveSettings:
    """What LoadGen will do for one run, read back from its own settings object. Latencies are in ns.

    `target_qps` is in samples per second: the rate for Server and Interactive, the expected throughput for Offline.
    `performance_sample_count` is the number of samples in one copy of the data set; 0 means the whole data set.
    With `sample_concatenate_permutation` LoadGen issues whole copies of the data set, each in a different order.
    A run ends early at `max_duration_ms` or `max_query_count`, where 0 is no limit; an Offline run does not.
    """

    qsl_rng_seed: int
    sample_index_rng_seed: int
    schedule_rng_seed: int
    min_duration_ms: int
    max_duration_ms: int
    min_query_count: int
    max_query_count: int
    target_qps: float
    performance_sample_count: int
    sample_concatenate_permutation: bool
    use_token_latencies: bool
    ttft_limit_ns: int
    tpot_limit_ns: int

    def expected_samples(self, scenario: Scenario, mode: Mode, dataset_size: int) -> int:
        """How many samples LoadGen will issue (loadgen.cc, GenerateQueries; test_settings_internal.cc)."""
        if mode is Mode.ACCURACY:
            return dataset_size
        seconds = self.min_duration_ms / MS_PER_S
        if scenario is Scenario.OFFLINE:
            count = max(self.min_query_count, int(1.1 * seconds * self.target_qps))
        else:
            # The arrivals are a Poisson process, so its mean is the best prediction without its random numbers.
            count = max(self.min_query_count, math.ceil(seconds * self.target_qps))
        if self.sample_concatenate_permutation:
            copy = min(self.performance_sample_count or dataset_size, dataset_size)
            count = math.ceil(count / copy) * copy
        return count

    def expected_seconds(self, scenario: Scenario, mode: Mode, dataset_size: int) -> float:
        """How long the run lasts if the SUT reaches the target rate; without one, its minimum duration."""
        if not self.target_qps:
            return 0.0 if mode is Mode.ACCURACY else self.min_duration_ms / MS_PER_S
        return self.expected_samples(scenario, mode, dataset_size) / self.target_qps


def effective_settings(model: str, scenario: Scenario, user_conf: Path, audit: str | None = None) -> EffectiveSettings:
    """The settings that LoadGen will use for a run.

    `model` is the benchmark's name in LoadGen's built-in configuration, `audit` the text of the audit file of a
    compliance run.
    """
    settings = _settings(model, scenario, user_conf)
    if audit is not None:
        with scratch_folder("submitter-audit-") as scratch:
            file = scratch / layout.AUDIT_CONFIG
            file.write_text(audit)
            # LoadGen itself does the same in StartTest (loadgen.cc), with '*' for the model.
            settings.FromConfig(str(file), "*", scenario.loadgen_name, _USER_CONF)
    offline = scenario is Scenario.OFFLINE
    return EffectiveSettings(
        qsl_rng_seed=settings.qsl_rng_seed,
        sample_index_rng_seed=settings.sample_index_rng_seed,
        schedule_rng_seed=settings.schedule_rng_seed,
        min_duration_ms=settings.min_duration_ms,
        max_duration_ms=settings.max_duration_ms,
        min_query_count=settings.min_query_count,
        max_query_count=settings.max_query_count,
        target_qps=settings.offline_expected_qps if offline else settings.server_target_qps,
        performance_sample_count=settings.performance_sample_count_override,
        sample_concatenate_permutation=settings.sample_concatenate_permutation,
        use_token_latencies=settings.use_token_latencies,
        ttft_limit_ns=settings.ttft_latency,
        tpot_limit_ns=settings.tpot_latency,
    )


def _settings(model: str, scenario: Scenario, user_conf: Path) -> Any:
    loadgen = _module()
    input_file.read_bytes(user_conf, "user.conf", USER_CONF_HINT)
    settings = loadgen.TestSettings()
    settings.scenario = getattr(loadgen.TestScenario, scenario.loadgen_name)
    settings.FromConfig("", model, scenario.loadgen_name, _BUILT_IN)
    if settings.FromConfig(str(user_conf), model, scenario.loadgen_name, _USER_CONF):
        require_accepted(read_file(user_conf), str(user_conf))
        raise InputError(f"{user_conf}: LoadGen refuses a line of it", "write each as 'model.scenario.key = value'")
    return settings


def require_samples(performance_sample_count: int, sample_count: int, user_conf: Path) -> None:
    """InputError if LoadGen would load more samples for a performance run than the data set has."""
    if performance_sample_count > sample_count:
        raise InputError(
            f"{user_conf}: performance_sample_count_override is {performance_sample_count}, "
            f"and the data set has {sample_count} samples",
            f"write: *.*.performance_sample_count_override = {sample_count}",
        )


class Responses:
    """Passes tokens to LoadGen, which reads the buffers before these calls return (loadgen.cc, SampleComplete).

    So the arrays are local variables of the calls: they live as long as LoadGen needs them.
    """

    def __init__(self) -> None:
        loadgen = _module()
        self._response = loadgen.QuerySampleResponse
        self._first = loadgen.FirstTokenComplete
        self._complete = loadgen.QuerySamplesComplete

    def first_token(self, response_id: int, token: int) -> None:
        buffer = array("i", (token,))
        self._first([self._response(response_id, buffer.buffer_info()[0], buffer.itemsize)])

    def complete(self, response_id: int, tokens: Sequence[int]) -> None:
        """Report all tokens of the answer, including the first one, as int32."""
        buffer = array("i", tokens)
        address, count = buffer.buffer_info()
        self._complete([self._response(response_id, address, count * buffer.itemsize, count)])


def run_test(
    *,
    model: str,
    scenario: Scenario,
    mode: Mode,
    user_conf: Path,
    audit: Path | None,
    sample_count: int,
    output: Path,
    issue: Callable[[list[tuple[int, int]]], None],
    is_limited: bool = False,
    network_name: Callable[[], str] | None = None,
) -> None:
    """Run one LoadGen test. Returns when LoadGen has all answers and has written its logs to `output`.

    `is_limited` says that the data set was cut for a smoke run: LoadGen then uses no more samples than are left,
    although its built-in configuration or user.conf names more.
    `issue` gets (response id, sample index) pairs on LoadGen's thread and must return immediately. With `network_name`
    the SUT is on another system: LoadGen asks for its name, over the network (LoadGen's query dispatch library).
    """
    loadgen = _module()
    settings = _settings(model, scenario, user_conf)
    settings.mode = loadgen.TestMode.AccuracyOnly if mode is Mode.ACCURACY else loadgen.TestMode.PerformanceOnly
    logs = loadgen.LogSettings()
    logs.enable_trace = False
    logs.log_output.outdir = str(output)
    logs.log_output.copy_summary_to_stdout = False
    # Pass a path even without an audit: LoadGen would otherwise look for an audit file in the working folder.
    audit_path = audit if audit is not None else output / f"no-{layout.AUDIT_CONFIG}"
    if mode.is_compliance != audit_path.exists():
        there = "exists" if audit_path.exists() else "does not exist"
        raise RunError(f"audit file {audit_path} {there} for a {mode} run", "this is a bug in submitter: report it")
    performance_count = settings.performance_sample_count_override or sample_count
    if is_limited and performance_count > sample_count:
        performance_count = settings.performance_sample_count_override = sample_count
    require_samples(performance_count, sample_count, user_conf)

    def issue_pairs(samples: Any) -> None:
        issue([(sample.id, sample.index) for sample in samples])

    is_network = network_name is not None
    sut = (
        loadgen.ConstructQDL(issue_pairs, lambda: None, network_name)
        if is_network
        else loadgen.ConstructSUT(issue_pairs, lambda: None)
    )
    qsl = loadgen.ConstructQSL(sample_count, performance_count, lambda indices: None, lambda indices: None)
    try:
        loadgen.StartTestWithLogSettings(sut, qsl, settings, logs, str(audit_path))
    finally:
        loadgen.DestroyQSL(qsl)
        (loadgen.DestroyQDL if is_network else loadgen.DestroySUT)(sut)
