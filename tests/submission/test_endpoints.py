"""What mlcommons/endpoints writes: figures by LoadGen's names, the scenario, the scores, and strangers' YAML."""

from __future__ import annotations

import json
import time
from pathlib import Path, PurePosixPath
from types import NoneType
from typing import Any

import pytest
from endpoints_cases import EDGE, HOSTILE, REASONING, VIDEO
from endpoints_tree import EndpointsTree, config, summary
from submission_tree import BOOK

from submitter.model import Metric, Scenario
from submitter.submission import Result, Unavailable, endpoints, open_submission
from submitter.submission.files import Files, Unreadable

NESTED = {"a": {"b": 1, "b.c": 2, "d": []}, "a.b.c": 3, "p": {"99": 4, "99.9": 5}, "list": [1], "none": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", 1),
        ("a.b.c", 3),
        ("p.99", 4),
        ("p.99.9", 5),
        ("p.99.0", 4),
        ("p.99.1", None),
        ("a.d", None),
        ("a.x", None),
        ("x", None),
        ("list", [1]),
        ("list.0", None),
        ("none", None),
        ("none.0", None),
    ],
)
def test_a_path_is_followed_by_its_longest_keys(path: str, value: object) -> None:
    assert endpoints.find(NESTED, path.split(".")) == value


@pytest.mark.parametrize("data", [None, [], {}, 5, "text", [{"a": 1}]])
def test_where_there_is_no_mapping_there_is_nothing(data: Any) -> None:
    assert endpoints.find(data, ["a"]) is None


def test_a_figure_stands_in_the_runs_file_before_the_configuration() -> None:
    key = "effective_min_duration_ms"
    in_config = {"settings": {"runtime": {"min_duration_ms": 5}}}
    assert endpoints.figure(key, {}, in_config) == 5
    assert endpoints.figure(key, {"min_duration_ms": 7}, in_config) == 7
    assert endpoints.figure(key, {}, {"min_duration_ms": 9}) == 9
    assert endpoints.figure(key, {}, in_config | {"min_duration_ms": 9}) == 5
    assert endpoints.figure(key, {"min_duration_ms": None}, {}) is None
    assert endpoints.figure("generated_query_count", {"n_samples_issued": 3}, {}) == 3
    assert endpoints.figure("generated_query_count", {"n_samples_issued": 3, "generated_query_count": 4}, {}) == 4


def test_figures_that_endpoints_writes_are_known_by_name() -> None:
    assert endpoints.has_place("result_mean_latency_ns")
    assert not endpoints.has_place("result_samples_per_second")


@pytest.mark.parametrize(
    ("folder", "said", "name"),
    [
        ("Server", "online", "Server"),
        ("Server", "Online", "Server"),
        ("Server", "server", "server"),
        ("Server", "Offline", "Offline"),
        ("Offline", "offline", "offline"),
        ("Server", None, None),
        ("Server", 5, None),
        ("Server", ["online"], None),
        ("SingleStream", None, "SingleStream"),
        ("singlestream", "offline", "SingleStream"),
        ("Interactive", None, "Interactive"),
        ("interactive", "offline", "Interactive"),
        ("Server", "interactive", "Interactive"),
    ],
)
def test_the_scenario_is_what_the_configuration_says_but_the_folders_of_some(
    folder: str, said: Any, name: str | None
) -> None:
    assert endpoints.scenario_name(folder, said) == name


@pytest.mark.parametrize(
    ("key", "said", "count", "duration_ns", "rate"),
    [
        ("result_samples_per_second", "offline", 20, 10**10, 2),
        ("result_samples_per_second", "Offline", 20, 10**10, 2),
        ("result_samples_per_second", "online", 20, 10**10, None),
        ("result_completed_samples_per_sec", "online", 20, 10**10, 2),
        ("result_completed_samples_per_sec", "offline", 20, 10**10, None),
        ("result_mean_latency_ns", "offline", 20, 10**10, None),
        ("result_samples_per_second", "offline", 0, 10**10, None),
        ("result_samples_per_second", "offline", 20, 0, None),
        ("result_samples_per_second", "offline", None, 10**10, None),
        ("result_samples_per_second", "offline", 20, None, None),
        ("result_samples_per_second", None, 20, 10**10, None),
        ("result_samples_per_second", "", 20, 10**10, None),
    ],
)
def test_a_rate_follows_from_samples_and_time(
    key: str, said: Any, count: float | None, duration_ns: float | None, rate: float | None
) -> None:
    assert endpoints.sample_rate(key, said, count, duration_ns) == rate


def test_the_scores_of_the_accuracy_run_are_those_that_say_so_or_say_nothing() -> None:
    scores = [{"dataset_type": kind} for kind in ("accuracy", "performance", None, 5)] + [{}]
    assert endpoints.accuracy_entries(scores) == [scores[0], scores[2], scores[4]]


@pytest.mark.parametrize(
    ("scores", "samples"),
    [
        ([{"total_samples": 3}, {"total_samples": "4"}], 7),
        ([{"total_samples": 3}, {"total_samples": 9, "dataset_type": "performance"}], 3),
        ([{"response_counts": {"issued": 5}}], 5),
        ([{"total_samples": 3, "response_counts": {"issued": 5}}], 3),
        ([{"total_samples": 3}, {}], 3),
        ([{}], None),
        ([], None),
        ([{"total_samples": "many"}], "many"),
        ([{"total_samples": [1]}, {"total_samples": 3}], [1]),
        ([{"total_samples": float("inf")}], float("inf")),
    ],
)
def test_how_many_samples_were_scored(scores: list[dict[str, Any]], samples: object) -> None:
    assert endpoints.samples_scored(scores) == samples


# Files


def written(folder: Path, text: str | bytes) -> tuple[Files, PurePosixPath]:
    (folder / "config.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return Files(folder), PurePosixPath("config.yaml")


def test_a_configuration_is_plain_data(tmp_path: Path) -> None:
    assert endpoints.read_config(*written(tmp_path, "a: {b: [1, 2.5, x, true, null]}\n")) == {
        "a": {"b": [1, 2.5, "x", True, None]}
    }
    assert endpoints.read_yaml(*written(tmp_path, "- 1\n")) == [1]
    assert endpoints.read_yaml(*written(tmp_path, "")) is None


@pytest.mark.parametrize(("text", "kind"), [("- 1\n", "list"), ("", "NoneType"), ("5", "int"), ("text", "str")])
def test_what_is_not_a_mapping_is_not_a_configuration(tmp_path: Path, text: str, kind: str) -> None:
    with pytest.raises(Unreadable, match=kind):
        endpoints.read_config(*written(tmp_path, text))


# Odd, and data nevertheless.
READABLE = {"alias bomb", "nothing", "recursive", "own"}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_plain_data_or_unreadable_and_read_quickly(tmp_path: Path, name: str) -> None:
    started_s = time.monotonic()
    if name in READABLE:
        assert isinstance(endpoints.read_yaml(*written(tmp_path, HOSTILE[name])), (dict, NoneType))
    else:
        with pytest.raises(Unreadable) as error:
            endpoints.read_yaml(*written(tmp_path, HOSTILE[name]))
        assert error.value.path == "config.yaml"
        assert "\n" not in error.value.reason
    assert time.monotonic() - started_s < 10


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"a: \xff", "not UTF-8"),
        (b"a: [", "not YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "not YAML"),
        (b"a: !!int ''", "not YAML"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
        (b"a: &a 1\n" + b"".join(b"b%d: *a\n" % n for n in range(200)), "aliases"),
        (b"a: b\n" * 100_000, "too large"),
    ],
)
def test_the_reason_is_given(tmp_path: Path, text: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        endpoints.read_yaml(*written(tmp_path, text))


# Results in the tree


def result_of(tree: EndpointsTree, scenario: str) -> Result:
    return next(result for result in open_submission(tree.root, BOOK).results if result.key.scenario == scenario)


@pytest.fixture
def tree(tmp_path: Path) -> EndpointsTree:
    return EndpointsTree(tmp_path)


def test_a_result_is_theirs_without_loadgens_logs_and_with_one_of_their_files(tree: EndpointsTree) -> None:
    assert result_of(tree, "Server").is_endpoints
    tree.write(tree.path("accuracy/mlperf_log_detail.txt"), "")
    assert not result_of(tree, "Offline").is_endpoints
    for kind in ("config", "summary", "accuracy"):
        tree.path(kind, "Server").unlink()
        assert result_of(tree, "Server").is_endpoints is (kind != "accuracy")


def test_the_configuration_has_two_names(tree: EndpointsTree) -> None:
    run = result_of(tree, "Server").endpoints_performance
    assert run.config_path.name == "config.yaml"
    tree.path("config", "Server").rename(tree.path("config.yml", "Server"))
    run = result_of(tree, "Server").endpoints_performance
    assert (run.config_path.name, run.config["type"]) == ("config.yml", "online")
    tree.path("config.yml", "Server").unlink()
    assert result_of(tree, "Server").endpoints_performance.config_path.name == "config.yaml"


@pytest.mark.parametrize("value", ["5", True, None, [], {}, float("nan"), float("inf"), 10**400])
def test_a_number_is_a_finite_one(tree: EndpointsTree, value: Any) -> None:
    tree.set("summary", "tps", value, "Server")
    run = result_of(tree, "Server").endpoints_performance
    assert run.number("result_completed_tokens_per_second") is None
    assert run.number("result_completed_samples_per_sec") == summary("llama3.1-8b", "Server")["qps"]


@pytest.mark.parametrize(
    ("kind", "scenario", "figure", "metric"),
    [
        (EDGE, "SingleStream", "latency/early_stopping_percentiles/90", Metric(0.625, "Latency (ms)")),
        (VIDEO, "SingleStream", "latency/avg", Metric(0.000625, "Latency (s)")),
        (REASONING, "Server", "tps", Metric(625_000.0, "Tokens/s")),
        (REASONING, "Offline", "tps", Metric(625_000.0, "Tokens/s")),
        (REASONING, "Interactive", "tps", Metric(625_000.0, "Tokens/s")),
    ],
)
def test_the_figure_of_a_scenario_is_in_its_unit(
    tmp_path: Path, kind: dict[str, Any], scenario: str, figure: str, metric: Metric
) -> None:
    tree = EndpointsTree(tmp_path, **kind)
    tree.set("summary", figure, 625_000.0, scenario)
    assert result_of(tree, scenario).endpoints_performance.metric(BOOK) == metric


@pytest.mark.parametrize(("said", "is_own"), [("Offline", True), ("offline", True), ("OFFLINE", False)])
def test_a_scenario_that_the_configuration_does_not_name_is_measured_by_the_rounds_metric(
    tmp_path: Path, said: str, is_own: bool
) -> None:
    """Only where both name the scenario alike do the benchmark's own metric and its divisor hold."""
    tree = EndpointsTree(tmp_path, **EDGE)
    tree.set("config", "type", said, "Offline")
    key = result_of(tree, "Offline").endpoints_performance.metric_key(BOOK)
    assert (key != BOOK.endpoints.metric[Scenario.OFFLINE]) is is_own


def test_a_result_without_its_figure_has_no_metric(tree: EndpointsTree) -> None:
    run = result_of(tree, "Server").endpoints_performance
    assert run.metric(BOOK) == Metric(2601.5, "Tokens/s")
    tree.set("summary", "tps", ..., "Server")
    with pytest.raises(Unavailable, match="figure"):
        result_of(tree, "Server").endpoints_performance.metric(BOOK)


@pytest.mark.parametrize("value", [{"a": 1}, ["a"], [[1]], "x", 5, None])
def test_scores_that_are_no_list_of_objects_are_unreadable(tree: EndpointsTree, value: Any) -> None:
    tree.set("accuracy", "accuracy_scores", value)
    with pytest.raises(Unreadable, match="accuracy_scores"):
        _ = result_of(tree, "Offline").endpoints_accuracy.scores


def test_the_first_score_there_is_and_the_samples_behind_it(tree: EndpointsTree) -> None:
    run = result_of(tree, "Offline").endpoints_accuracy
    assert (run.score["rouge1"], run.samples) == (38.8, 13368)
    tree.set("accuracy", "accuracy_scores", [])
    run = result_of(tree, "Offline").endpoints_accuracy
    assert (run.score, run.samples, run.accuracy_scores) == (None, None, [])
    tree.set("accuracy", "n_samples_issued", 12)
    assert result_of(tree, "Offline").endpoints_accuracy.samples == 12


def test_an_audit_is_an_object_of_its_file(tree: EndpointsTree) -> None:
    tree.write(tree.path("audit/audit_some.json"), json.dumps({"passed": True}))
    run = result_of(tree, "Offline").endpoints_performance
    assert run.audit("some") == {"passed": True}
    with pytest.raises(Unavailable, match="missing"):
        run.audit("other")


def test_a_file_is_read_once(tree: EndpointsTree) -> None:
    run = result_of(tree, "Offline").endpoints_performance
    assert run.config == config("Offline")
    tree.path("config").write_text("type: other")
    assert run.config["type"] == "offline"
