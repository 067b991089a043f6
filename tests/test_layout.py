"""The grammar of a submission's paths, of the rounds before v6.0 and since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import pytest

from submitter.layout import Layout, layout_of, results_folder
from submitter.model import Mode, ResultKey

KEY = ResultKey("closed", "Acme", "S", "llama2-70b-99.9", "Server")
RESULT = "closed/Acme/results/S/llama2-70b-99.9/Server"
OLD, NEW = layout_of("v5.1"), layout_of("v6.0")


@pytest.mark.parametrize(
    ("name", "nested"),
    [
        ("v4.1", False),
        ("v5.0", False),
        ("v5.1", False),
        ("v6.0", True),
        ("v6.1", True),
        ("v10.0", True),
        ("next", True),
    ],
)
def test_since_v6_0_everything_of_a_result_lies_in_its_folder(name: str, nested: bool) -> None:
    layout = layout_of(name)
    assert layout.nested is nested
    assert layout.code_folder == ("src" if nested else "code")


Path = Callable[[Layout], PurePosixPath]


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (lambda layout: layout.measurements(KEY), RESULT.replace("results", "measurements"), RESULT),
        (lambda layout: layout.compliance_root(KEY), RESULT.replace("results", "compliance"), RESULT),
        (
            lambda layout: layout.compliance_performance(KEY, "TEST06"),
            RESULT.replace("results", "compliance") + "/TEST06/performance/run_1",
            RESULT + "/TEST06/performance/run_1",
        ),
        (
            lambda layout: layout.compliance_accuracy(KEY, "TEST01"),
            RESULT.replace("results", "compliance") + "/TEST01/accuracy",
            RESULT + "/TEST01/accuracy",
        ),
        (
            lambda layout: layout.compliance_score(KEY, "TEST01", "baseline"),
            RESULT.replace("results", "compliance") + "/TEST01/accuracy/baseline_accuracy.txt",
            RESULT + "/TEST01/accuracy/baseline_accuracy.txt",
        ),
        (
            lambda layout: layout.measurement_description(KEY),
            RESULT.replace("results", "measurements") + "/S_submitter_Server.json",
            RESULT + "/measurements.json",
        ),
        (lambda layout: layout.code("open", "Acme"), "open/Acme/code", "open/Acme/src"),
        (
            lambda layout: layout.implementation("open", "Acme", "resnet"),
            "open/Acme/code/resnet/submitter",
            "open/Acme/src/resnet/submitter",
        ),
        (
            lambda layout: layout.run(KEY, Mode.TEST06),
            RESULT.replace("results", "compliance") + "/TEST06/performance/run_1",
            RESULT + "/TEST06/performance/run_1",
        ),
    ],
)
def test_what_moved_with_v6_0(path: Path, old: str, new: str) -> None:
    assert str(path(OLD)) == old
    assert str(path(NEW)) == new


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (lambda layout: layout.scenario(KEY), RESULT),
        (lambda layout: layout.performance_runs(KEY), RESULT + "/performance"),
        (lambda layout: layout.performance(KEY), RESULT + "/performance/run_1"),
        (lambda layout: layout.power(KEY), RESULT + "/performance/power"),
        (lambda layout: layout.ranging(KEY), RESULT + "/performance/ranging"),
        (lambda layout: layout.endpoints_summary(KEY), RESULT + "/performance/result_summary.json"),
        (lambda layout: layout.accuracy(KEY), RESULT + "/accuracy"),
        (lambda layout: layout.endpoints_accuracy(KEY), RESULT + "/accuracy/accuracy_results.json"),
        (lambda layout: layout.endpoints_audit(KEY, "some"), RESULT + "/audit/audit_some.json"),
        (lambda layout: layout.endpoints_configs(KEY)[0], RESULT + "/config.yaml"),
        (lambda layout: layout.endpoints_configs(KEY)[1], RESULT + "/config.yml"),
        (lambda layout: layout.run(KEY, Mode.PERFORMANCE), RESULT + "/performance/run_1"),
        (lambda layout: layout.run(KEY, Mode.ACCURACY), RESULT + "/accuracy"),
        (lambda layout: layout.system("closed", "Acme", "S"), "closed/Acme/systems/S.json"),
        (lambda layout: layout.nameplate("closed", "Acme", "S"), "closed/Acme/systems/S_power.yaml"),
        (lambda layout: layout.model_mapping("open", "Acme"), "open/Acme/model_mapping.json"),
        (lambda layout: layout.documentation("open", "Acme"), "open/Acme/documentation"),
        (lambda layout: layout.manifest("open", "Acme"), "open/Acme/documentation/submitter_manifest.json"),
        (lambda layout: layout.results("open", "Acme"), "open/Acme/results"),
    ],
)
def test_what_lies_at_the_same_place_in_all_rounds(path: Path, expected: str) -> None:
    assert str(path(OLD)) == str(path(NEW)) == expected


@pytest.mark.parametrize(
    ("layout", "name", "described"),
    [
        (NEW, "measurements.json", True),
        (NEW, "S.json", False),
        (OLD, "S.json", True),
        (OLD, "S_ours_Server.json", True),
        (OLD, "measurements.json", False),
        (OLD, "S.txt", False),
    ],
)
def test_which_file_describes_a_measurement(layout: Layout, name: str, described: bool) -> None:
    assert layout.describes_measurement(KEY, name) is described
    assert layout.describes_measurement(KEY, layout.measurement_description(KEY).name)


def test_only_the_old_rounds_have_top_folders_beside_results() -> None:
    assert OLD.top_folder("closed", "Acme", "measurements") == PurePosixPath("closed/Acme/measurements")
    assert NEW.top_folder("closed", "Acme", "measurements") is None


@pytest.mark.parametrize(
    ("folder", "results"),
    [
        (RESULT.replace("results", "measurements"), RESULT),
        (RESULT.replace("results", "compliance"), RESULT),
        (RESULT.replace("results", "compliance") + "/TEST06/performance/run_1", RESULT),
        (RESULT + "/performance", RESULT),
        ("closed/Acme/measurements/S/resnet", "closed/Acme/results/S/resnet"),
        ("closed/Acme/measurements/S", "closed/Acme/measurements/S"),
        ("closed/Acme", "closed/Acme"),
        ("", ""),
    ],
)
def test_a_folder_beside_the_results_belongs_to_one_of_them(folder: str, results: str) -> None:
    assert results_folder(folder) == results


@pytest.mark.parametrize("layout", [OLD, NEW])
def test_what_a_layout_writes_for_a_result_it_finds_the_result_of(layout: Layout) -> None:
    for path in (layout.measurements(KEY), layout.compliance(KEY, "TEST06"), layout.performance(KEY)):
        assert results_folder(str(path)) == RESULT
