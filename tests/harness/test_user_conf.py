"""What is wrong in a user.conf, held against the installed LoadGen: it must ignore or refuse what we say it does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import echo_campaign
import pytest
from official_constants import needs_checkout, text_of

from submitter.errors import InputError
from submitter.harness.loadgen_keys import KEYS, RATE_KEYS, RESERVED, SCENARIOS, Key, Kind
from submitter.harness.user_conf import conf_problems
from submitter.model import Scenario
from submitter.rulebook import load_rulebook, round_names

ROOT = Path(__file__).resolve().parents[2]
BOOK = load_rulebook("v6.1")
BENCHMARK = "llama2-70b-99.9"
RATE = "*.Server.target_qps = 7\n"

# The names in LoadGen's Python binding, where they are not the key's own.
SHOWN = {
    ("target_qps", "Server"): "server_target_qps",
    ("target_qps", "Offline"): "offline_expected_qps",
    ("target_latency", "Server"): "server_target_latency_ns",
    ("target_latency", "SingleStream"): "single_stream_expected_latency_ns",
    ("target_latency", "MultiStream"): "multi_stream_expected_latency_ns",
    ("target_latency_percentile", "Server"): "server_target_latency_percentile",
    ("target_latency_percentile", "SingleStream"): "single_stream_target_latency_percentile",
    ("target_latency_percentile", "MultiStream"): "multi_stream_target_latency_percentile",
    ("coalesce_queries", "Server"): "server_coalesce_queries",
    ("max_async_queries", "Server"): "server_max_async_queries",
    ("samples_per_query", "MultiStream"): "multi_stream_samples_per_query",
    **{(key, scenario): f"{key}_ms" for key in ("min_duration", "max_duration") for scenario in SCENARIOS},
}
FACTORS = {"target_latency": 1_000_000, "ttft_latency": 1_000_000, "tpot_latency": 1_000_000} | {
    "target_latency_percentile": 0.01
}


def loadgens(conf: Path, scenario: str = "Server", model: str = "llama2-70b") -> dict[str, Any] | None:
    """What LoadGen's settings are after its built-in configuration and this user.conf; None if it refuses the file."""
    loadgen = pytest.importorskip("mlperf_loadgen")
    settings = loadgen.TestSettings()
    settings.FromConfig("", model, scenario, 0)
    if settings.FromConfig(str(conf), model, scenario, 2):
        return None
    names = [name for name in dir(settings) if not name.startswith("_") and name != "FromConfig"]
    return {name: getattr(settings, name) for name in names}


def written(folder: Path, text: str) -> Path:
    conf = folder / "user.conf"
    conf.write_bytes(text.encode())
    return conf


def problems(
    folder: Path, text: str, scenario: Scenario = Scenario.SERVER, book: str = "v6.1", benchmark: str = BENCHMARK
) -> list[InputError]:
    return conf_problems(written(folder, text), load_rulebook(book), benchmark, scenario)


# A line below `RATE`, what LoadGen does with it, and the hint: the nearest right line or what else to do.
WRONG = [
    ("*.Server.target_qsp = 12.5", "ignores", "write: *.Server.target_qps = 12.5"),
    ("*.Server.mni_duration = 600000", "ignores", "write: *.Server.min_duration = 600000"),
    ("*.Server.MIN_DURATION = 600000", "ignores", "write: *.Server.min_duration = 600000"),
    ("Server.target_qps = 12.5", "ignores", "write: *.Server.target_qps = 12.5"),
    ("*.min_duration = 5", "ignores", "write: *.Server.min_duration = 5"),
    ("min_duration = 5", "ignores", "write: *.Server.min_duration = 5"),
    ("llama2-70b.min_duration = 5", "ignores", "write: llama2-70b.Server.min_duration = 5"),
    ("*.server.min_duration = 5", "ignores", "write: *.Server.min_duration = 5"),
    ("*.SERVER.target_qps = 12.5", "ignores", "write: *.Server.target_qps = 12.5"),
    ("*.Interactive.min_duration = 60000", "ignores", "write: llama2-70b-interactive.Server.min_duration = 60000"),
    ("llama2-70b-interactive.Server.min_duration = 5", "ignores", "write: llama2-70b.Server.min_duration = 5"),
    ("llama3_1-8b.Server.min_duration = 5", "ignores", "write: llama2-70b.Server.min_duration = 5"),
    ("llama2-70b-99.9.Server.min_duration = 5", "ignores", "write: llama2-70b.Server.min_duration = 5"),
    ("Llama2-70b.Server.target_qps = 5", "ignores", "write: llama2-70b.Server.target_qps = 5"),
    ("*.Offline.ttft_latency = 450", "ignores", "write: *.Server.ttft_latency = 450"),
    ("*.*.samples_per_query = 8", "ignores", "remove the line"),
    ("*.MultiStream.target_qps = 8", "ignores", "write: *.Server.target_qps = 8"),
    ("*.*.qsl_rng_seed = 5", "ignores", "remove the line"),
    ("*.*.test05 = 1", "ignores", "remove the line"),
    ("*.Server.target_duration = 5", "ignores", "remove the line"),
    ("*.Server.colour = 5", "ignores", "LoadGen's keys for Server: target_qps, "),
    ("*.Server.min_duration=5", "ignores", "write: *.Server.min_duration = 5"),
    ("*.Server.min_duration", "ignores", "give min_duration a number"),
    ("*.Server.min_duration =", "ignores", "give min_duration a number"),
    ("*.Server.min_duration # = 5", "ignores", "give min_duration a number"),
    ("*.Server.min_duration =5", "refuses", "write: *.Server.min_duration = 5"),
    ("*.Server.min_duration= 5", "refuses", "write: *.Server.min_duration = 5"),
    ("*.Server.min_duration: 5", "refuses", "write: *.Server.min_duration = 5"),
    ("*.Server.min_duration = 5 # short", "refuses", "write: *.Server.min_duration = 5"),
    ("*.Server.target_qps = 12,5", "refuses", "write: *.Server.target_qps = 12.5"),
    ("*.Server.target_qps = 1_000", "refuses", "write: *.Server.target_qps = 1000"),
    ("*.Server.target_qps = many", "refuses", "give target_qps a number"),
    ("*.*.sample_concatenate_permutation = true", "refuses", "write: *.*.sample_concatenate_permutation = 1"),
    ("#a comment", "refuses", "write: # a comment"),
    ("*.*.min_duration = 6e5", "reads", "write: *.*.min_duration = 600000"),
    ("*.*.min_duration = 1e400", "reads", "it must be a whole number, 0 or more"),
    ("*.*.min_duration = 0.5", "reads", "write: *.*.min_duration = 1"),
    ("*.*.min_query_count = 010", "reads", "write: *.*.min_query_count = 10"),
    ("*.*.min_duration = -5", "reads", "it must be a whole number, 0 or more"),
    ("*.*.min_duration = inf", "reads", "it must be a whole number, 0 or more"),
    ("*.*.min_duration = 60000 70000", "takes only the last value", "write: *.*.min_duration = 70000"),
]


@pytest.mark.parametrize(("line", "verb", "hint"), WRONG, ids=[case[0] for case in WRONG])
def test_a_wrong_line_is_reported_with_the_nearest_right_one(line: str, verb: str, hint: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"# ours\n{RATE}{line}\n")
    assert problem.message.startswith(f"{tmp_path}/user.conf:3: LoadGen {verb} ")
    assert line.split()[0] in problem.message
    assert problem.hint.startswith(hint) if hint.endswith(", ") else problem.hint == hint


@pytest.mark.parametrize(("line", "verb"), [case[:2] for case in WRONG], ids=[case[0] for case in WRONG])
def test_loadgen_does_with_a_wrong_line_what_we_say(line: str, verb: str, tmp_path: Path) -> None:
    without = loadgens(written(tmp_path, RATE))
    found = loadgens(written(tmp_path, f"{RATE}{line}\n"))
    assert (found is None) == (verb == "refuses")
    assert (found == without) == (verb == "ignores")


RIGHT = [(line, hint.removeprefix("write: ")) for line, _, hint in WRONG if hint.startswith("write: *")]


@pytest.mark.parametrize(("line", "right"), RIGHT, ids=[case[0] for case in RIGHT])
def test_the_line_that_we_write_out_is_right(line: str, right: str, tmp_path: Path) -> None:
    """It has no problem of its own, and its value arrives."""
    key, _, value = right.rpartition(".")[2].partition(" = ") if "." not in right.split(" = ")[1] else ("", "", "")
    text = right if "target_qps" in right else f"{RATE}{right}"
    assert problems(tmp_path, f"{text}\n") == []
    found = loadgens(tmp_path / "user.conf")
    assert found is not None
    if key and value != "1":
        shown = SHOWN.get((key, "Server"), key)
        assert found[shown] == float(value) * FACTORS.get(key, 1)


FLAWS = [
    ("*.Server.target_qps = 0", "must be a number above 0"),
    ("*.Server.target_qps = -3", "must be a number above 0"),
    ("*.Server.target_qps = nan", "must be a number above 0"),
    ("*.Server.target_qps = inf", "must be a number above 0"),
    ("*.Server.target_latency_percentile = 100", "between 0 and 100"),
    ("*.*.use_token_latencies = 2", "1 for on or 0 for off"),
    ("*.*.sample_concatenate_permutation = -1", "1 for on or 0 for off"),
    ("*.*.mode = 2", "remove the line"),
    ("*.*.accuracy_log_sampling_target = 100", "remove the line"),
    ("*.*.performance_issue_same = 1", "remove the line"),
]


@pytest.mark.parametrize(("line", "hint"), FLAWS)
def test_a_value_that_no_run_may_have_is_reported(line: str, hint: str, tmp_path: Path) -> None:
    text = f"{line}\n" if "target_qps" in line else f"{line}\n{RATE}"
    (problem,) = problems(tmp_path, text)
    assert problem.message.startswith(f"{tmp_path}/user.conf:1: '{line}'")
    assert hint in problem.hint


FINE = [
    "*.Server.target_qps = 12.5",
    "  *.Server.target_qps\t=\t12.5  \r\n# a comment\r\n",
    "llama2-70b.Server.target_qps = 1e2",
    "*.*.target_qps = 3",
    "llama2-70b.*.target_qps = 3",
    f"{RATE}####\n#comment\n#*.Server.target_qps = 8\n# *.Server.target_qsp = 8",
    f"{RATE}*.Offline.target_qps = 90\n*.Offline.min_query_count = 24576\n*.SingleStream.target_latency = 4.5",
    f"{RATE}llama3_1-8b.Server.target_qps = 90\nllama2-70b-interactive.Server.target_qps = 3",
    f"{RATE}*.*.min_duration = 600000\n*.Server.min_duration = 700000\nllama2-70b.Server.min_duration = 800000",
    f"{RATE}{RATE}*.*.performance_sample_count_override = 0x40\n*.*.min_duration = 600000.0",
    f"{RATE}*.*.accuracy_sample_count_override = 64\n*.*.print_timestamps = 1",
]


@pytest.mark.parametrize("text", FINE)
def test_what_loadgen_reads_is_not_reported(text: str, tmp_path: Path) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "ignored", "why"),
    [
        (f"{RATE}# b\n*.Server.target_qps = 8\n", 1, "line 3 sets *.Server.target_qps again"),
        (
            f"{RATE}*.Server.min_duration = 6\nllama2-70b.*.min_duration = 8\n",
            3,
            "line 2 sets it for Server, which takes precedence over the model",
        ),
        (
            f"llama2-70b.*.min_duration = 8\n*.Server.min_duration = 6\n{RATE}",
            1,
            "line 2 sets it for Server, which takes precedence over the model",
        ),
    ],
)
def test_of_two_lines_for_the_same_runs_loadgen_ignores_one(text: str, ignored: int, why: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem.message.startswith(f"{tmp_path}/user.conf:{ignored}: LoadGen ignores ")
    assert problem.message.endswith(why)
    whole = loadgens(tmp_path / "user.conf")
    kept = [line for number, line in enumerate(text.splitlines(), start=1) if number != ignored]
    assert loadgens(written(tmp_path, "\n".join(kept))) == whole


def test_a_byte_order_mark_is_reported(tmp_path: Path) -> None:
    for text in (RATE, "# ours\n"):
        (problem,) = problems(tmp_path, f"\ufeff{text}{RATE}")
        assert "user.conf:1: " in problem.message
        assert "without a byte order mark" in problem.hint
    without_rate = problems(tmp_path, f"\ufeff{RATE}")
    assert len(without_rate) == 1  # the rate is there, as soon as the mark is gone


@pytest.mark.parametrize(
    ("scenario", "text", "line"),
    [
        (Scenario.SERVER, "", "*.Server.target_qps = N"),
        (Scenario.SERVER, "*.Offline.target_qps = 5\n", "*.Server.target_qps = N"),
        (Scenario.INTERACTIVE, "# nothing\n", "*.Server.target_qps = N"),
        (Scenario.OFFLINE, RATE, "*.Offline.target_qps = N"),
    ],
)
def test_a_run_without_a_rate_is_reported(scenario: Scenario, text: str, line: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, text, scenario)
    assert problem.message == (
        f"{tmp_path}/user.conf sets no target_qps for {scenario}: LoadGen's own value is a placeholder"
    )
    assert line in problem.hint


def test_interactive_is_server_under_another_models_name(tmp_path: Path) -> None:
    assert problems(tmp_path, RATE, Scenario.INTERACTIVE) == []
    assert problems(tmp_path, "llama2-70b-interactive.Server.target_qps = 3\n", Scenario.INTERACTIVE) == []
    (problem,) = problems(tmp_path, "llama2-70b.Server.target_qps = 3\n", Scenario.INTERACTIVE)
    assert "Interactive of this benchmark runs as llama2-70b-interactive" in problem.message
    assert problem.hint == "write: llama2-70b-interactive.Server.target_qps = 3"
    (problem,) = problems(tmp_path, "*.Interactive.target_qps = 3\n", Scenario.INTERACTIVE)
    assert problem.hint == "write: llama2-70b-interactive.Server.target_qps = 3"
    both = "llama2-70b.Server.target_qps = 30\nllama2-70b-interactive.Server.target_qps = 3\n"
    assert problems(tmp_path, both, Scenario.SERVER) == problems(tmp_path, both, Scenario.INTERACTIVE) == []


def test_all_wrong_lines_are_reported_at_once_in_their_order(tmp_path: Path) -> None:
    text = "*.Server.target_qps = 5\n*.server.a = 1\n*.Server.target_qps = 6\n*.Server.min_duration=3\nx\n"
    assert [p.message.split(": ")[0].rpartition(":")[2] for p in problems(tmp_path, text)] == ["1", "2", "4", "5"]


@pytest.mark.parametrize(
    ("book", "line", "words"),
    [
        ("v5.1", "*.*.accuracy_sample_count_override = 64", "since version 6.0.5, and round v5.1 has an older one"),
        ("v5.1", "*.*.schedule_rng_seed = 64", "only 4.1 and older read schedule_rng_seed"),
        ("v4.1", "*.*.schedule_rng_seed = 64", "must not be in a user.conf"),
        ("v4.1", "llama2-70b-interactive.Server.min_duration = 5", "round v4.1 has no model llama2-70b-interactive"),
    ],
)
def test_a_key_is_judged_by_the_rounds_loadgen(book: str, line: str, words: str, tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, f"{RATE}{line}\n", book=book)
    assert words in problem.message


def test_token_latencies_must_be_on_for_their_limits(tmp_path: Path) -> None:
    limit = f"{RATE}*.Server.ttft_latency = 300\n"
    (problem,) = problems(tmp_path, limit, book="v5.0", benchmark="gptj-99")
    assert "only where use_token_latencies is on" in problem.message
    assert problems(tmp_path, f"{limit}*.*.use_token_latencies = 1\n", book="v5.0", benchmark="gptj-99") == []
    assert problems(tmp_path, limit) == []


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path: Path) -> None:
    (missing,) = conf_problems(tmp_path / "user.conf", BOOK, BENCHMARK, Scenario.SERVER)
    (folder,) = conf_problems(tmp_path, BOOK, BENCHMARK, Scenario.SERVER)
    assert missing.message == f"there is no user.conf {tmp_path}/user.conf"
    assert folder.message == f"{tmp_path} is a folder, not a user.conf"


@pytest.mark.parametrize(("key", "scenario"), [(key, scenario) for key in KEYS for scenario in key.scenarios])
def test_loadgen_reads_each_key_where_the_table_says(key: Key, scenario: str, tmp_path: Path) -> None:
    shown = SHOWN.get((key.name, scenario), key.name)
    also = f"*.{scenario}.infer_token_latencies = 1\n" if key.name == "token_latency_scaling_factor" else ""
    before = loadgens(written(tmp_path, also), scenario)
    assert before is not None
    value = {Kind.COUNT: 7, Kind.POSITIVE: 2.5, Kind.PERCENTILE: 51.5, Kind.FLAG: int(not before[shown])}
    found = loadgens(written(tmp_path, f"{also}*.{scenario}.{key.name} = {value[key.kind]}\n"), scenario)
    assert found is not None
    assert found[shown] == pytest.approx(value[key.kind] * FACTORS.get(key.name, 1))
    assert {name for name in found if found[name] != before[name]} == {shown}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_loadgen_reads_no_key_in_another_scenario(scenario: str, tmp_path: Path) -> None:
    elsewhere = {key.name for key in KEYS} - {key.name for key in KEYS if scenario in key.scenarios}
    for name in elsewhere:
        without = loadgens(written(tmp_path, ""), scenario)
        assert loadgens(written(tmp_path, f"*.{scenario}.{name} = 7\n"), scenario) == without, name


def test_loadgen_reads_reserved_keys_as_the_table_says(tmp_path: Path) -> None:
    without = loadgens(written(tmp_path, ""))
    assert without is not None
    for entry in RESERVED:
        for name in entry.names:
            found = loadgens(written(tmp_path, f"*.*.{name} = 3\n"))
            assert (found == without) == (entry.read_until is not None), name


@needs_checkout
@pytest.mark.parametrize(
    ("reference", "version"),
    [
        ("v4.1", (4, 1)),
        ("v5.0.1", (5, 0, 13)),
        ("v5.1.1", (5, 1, 1)),
        ("v6.0.0pre", (6, 0, 2)),
        ("b66003e1", (6, 0, 17)),
    ],
)
def test_the_table_is_loadgens_source(reference: str, version: tuple[int, ...]) -> None:
    """Every lookup of a version's FromConfig is in the table, and every row of the table is a lookup."""
    source = text_of(reference, "loadgen/test_settings_internal.cc")
    source = source[source.index("::FromConfig(") :]
    found = {
        (key, of or scenario)
        for of, key in re.findall(r'lookupkv\(\s*model,\s*(?:scenario|"(\w+)"),\s*"(\w+)"', source)
        for scenario in SCENARIOS
    }
    reserved = {name for entry in RESERVED for name in entry.names}
    rows = {(key.name, scenario) for key in KEYS if key.since <= version for scenario in key.scenarios}
    assert {pair for pair in found if pair[0] not in reserved} == rows
    assert reserved - {"target_duration"} == {key for key, _ in found} & reserved
    conf = text_of(reference, "mlperf.conf" if version < (5,) else "loadgen/mlperf.conf")
    last = re.findall(r"^\*\.(\w+)\.(\w+) = ", conf[conf.index("These fields should be defined") :], re.M)
    assert dict(last) == RATE_KEYS


def test_every_user_conf_that_we_ship_is_right() -> None:
    confs = sorted((ROOT / "measurements").rglob("user.conf"))
    assert len(confs) > 20
    for conf in confs:
        benchmark = conf.parents[1].name
        official = BENCHMARK if benchmark == "tiny-llama" else benchmark
        assert conf_problems(conf, BOOK, official, Scenario(conf.parent.name)) == []


def test_the_user_conf_of_the_tests_campaigns_is_right(tmp_path: Path) -> None:
    for scenario in (Scenario.OFFLINE, Scenario.SERVER):
        assert problems(tmp_path, echo_campaign.USER_CONF, scenario) == []


def test_neither_loadgen_nor_numpy_is_needed() -> None:
    code = (
        "import sys\n"
        "sys.modules |= dict.fromkeys('numpy mlperf_loadgen torch'.split())\n"
        "import submitter.harness.user_conf\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("book", round_names())
def test_each_round_has_versions_that_can_be_compared(book: str, tmp_path: Path) -> None:
    for name, benchmark in load_rulebook(book).benchmarks.items():
        if benchmark.loadgen_model and any(Scenario.OFFLINE in s.allowed for s in benchmark.scenarios.values()):
            assert problems(tmp_path, "*.Offline.target_qps = 5\n", Scenario.OFFLINE, book, name) == []
