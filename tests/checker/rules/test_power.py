"""PWR: the files of a power measurement, its figure, and the agreement of the testing and the ranging run."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest
from power_damage import (
    DETAIL,
    PTD_LOG,
    Damage,
    drop_from,
    move_end,
    nameplate,
    remove,
    replace,
    set_in,
    write,
    write_power_tree,
)
from power_tree import SESSION, WATTS, PowerTree, time_of
from rule_cases import cases
from submission_tree import BOOK

from submitter.checker import Report
from submitter.model import Metric

SPL_WATTS = r"Watts,5000\.0+"
MISSING = ("power/client.json", "power/server.log", PTD_LOG, "ranging/spl.txt", "run_1/spl.txt", f"ranging/{DETAIL}")
UNSUMMED = "Min PSUs Needed: 1\nPSUs: none\n"


# Until v5.1 the official checkers read a figure from the ranging run, too.
FIGURE_OF_RANGING = ("result_samples_per_second", "result_tokens_per_second", "effective_scenario")
OLDER = msgspec.structs.replace(
    BOOK,
    checker=msgspec.structs.replace(
        BOOK.checker, absent={rule: why for rule, why in BOOK.checker.absent.items() if rule != "PWR003"}
    ),
)


def write_older_tree(folder: Path) -> PowerTree:
    power = write_power_tree(folder)
    power.tree.book = OLDER
    return power


def no_figure_of_ranging(power: PowerTree, key: str) -> None:
    power.replace(f"ranging/{DETAIL}", f".*{key}.*\n", "")


CASES = [
    *cases(write_power_tree, [("PWR001", remove(name)) for name in MISSING]),
    *cases(
        write_power_tree,
        [
            ("PWR001", remove("run_1/mlperf_log_summary.txt")),
            ("PWR001", write("power/notes.txt", "a note")),
            ("PWR001", write("run_1/nohup.out", "started")),
            ("PWR002", replace("run_1/spl.txt", SPL_WATTS, "Watts,0")),
            ("PWR002", replace("run_1/spl.txt", SPL_WATTS, "Watts,much")),
            ("PWR002", replace("run_1/spl.txt", "08-30-2026", "08-31-2026")),
            ("PWR004", nameplate(UNSUMMED)),
            ("PWR005", set_in("server", "phases", "ranging", 1, 0, 0)),
            ("PWR005", drop_from("server", "phases", "testing", 3)),
            ("PWR005", set_in("both", "phases", "testing", 0, 0, "noon")),
            ("PWR006", move_end("run_1", "power_end", 60)),
            ("PWR006", move_end("ranging", "power_begin", -60)),
            ("PWR006", set_in("both", "phases", "testing", [])),
            ("PWR007", move_end("run_1", "power_end", -600)),
            ("PWR008", replace("run_1/spl.txt", SPL_WATTS, "Watts,4700")),
            ("PWR008", replace("ranging/spl.txt", SPL_WATTS, "Watts,5500")),
            ("PWR008", replace("ranging/spl.txt", r"PF,0\.99", "PF,none")),
            ("PWR009", replace("run_1/spl.txt", r"(09:45:00\.272,Watts,)5000\.0+", r"\g<1>inf")),
        ],
    ),
    *cases(write_older_tree, [("PWR003", partial(no_figure_of_ranging, key=key)) for key in FIGURE_OF_RANGING]),
]


def judge(power: PowerTree) -> Report:
    report = power.check(select=["PWR", "STR001", "STR002", "STR005"])
    assert not report.crashed, report.findings
    return report


def rules(power: PowerTree) -> set[str]:
    return {finding.rule for finding in judge(power).findings}


def test_a_measurement_that_agrees_with_itself_breaks_no_rule(power: PowerTree) -> None:
    report = judge(power)
    assert not report.findings
    assert not report.skipped
    measured = {result.key.scenario: result.power for result in report.results}
    assert measured == {"Offline": Metric(pytest.approx(WATTS), "Watts"), "Server": None}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("power/server.json", "[1]"),
        ("power/client.json", ""),
        (f"ranging/{DETAIL}", ":::MLLOG {}\n"),
        ("ranging/spl.txt", "Time,noon,Watts,1\n"),
        ("run_1/spl.txt", "Time,02-30-2026 10:00:00.000,Watts,1\n"),
        (PTD_LOG, f"13-01-2026 10:00:00.000: Go with mark '{SESSION}_ranging'\n"),
    ],
)
def test_a_file_that_cannot_be_read_is_reported_once(name: str, text: str, power: PowerTree) -> None:
    (power.folder / name).write_text(text)
    found = [finding for finding in judge(power).findings if finding.rule == "STR002"]
    assert [finding.path.endswith(name) for finding in found] == [True]


@pytest.mark.parametrize(
    "change",
    [
        move_end("run_1", "power_end", -30),
        move_end("run_1", "power_end", -300),
        replace("run_1/spl.txt", SPL_WATTS, "Watts,4751"),
        set_in("server", "phases", "testing", 1, 0, time_of("08-30-2026 09:40:01.000").timestamp()),
        set_in("server", "messages", 1, "reply", "2"),
        set_in("server", "uuid", "client", "{25D3F248-227D-4F83-BE0C-3A181E48EDD5}"),
        set_in("server", "results", "power/more.log", "0"),
        write("power/.gitkeep", ""),
        write("run_1/mlperf_log_accuracy.json", "[]"),
    ],
)
def test_what_is_allowed(change: Damage, power: PowerTree) -> None:
    change(power)
    assert rules(power) == set()


def test_a_shortened_run_hides_its_power_from_the_comparison(power: PowerTree) -> None:
    move_end("run_1", "power_end", -600)(power)
    replace("run_1/spl.txt", SPL_WATTS, "Watts,2500")(power)
    assert rules(power) == {"PWR007"}


@pytest.mark.parametrize("key", FIGURE_OF_RANGING)
def test_the_newest_round_reads_no_figure_from_the_ranging_run(key: str, power: PowerTree) -> None:
    no_figure_of_ranging(power, key)
    assert rules(power) == set()


@pytest.mark.parametrize("key", FIGURE_OF_RANGING)
def test_older_rounds_say_which_figure_the_ranging_run_lacks(key: str, tmp_path: Path) -> None:
    power = write_older_tree(tmp_path)
    no_figure_of_ranging(power, key)
    (finding,) = (finding for finding in judge(power).findings if finding.rule == "PWR003")
    assert key in finding.message


@pytest.mark.parametrize(
    "text",
    ["", UNSUMMED, f"Min PSUs Needed: 2\nPSUs: [{{PowerCapacityWatts: 1{'0' * 400}}}, {{PowerCapacityWatts: 1.5}}]\n"],
)
def test_a_rating_that_cannot_be_added_up_costs_the_result_with_power(text: str, power: PowerTree) -> None:
    nameplate(text)(power)
    assert rules(power) == {"PWR004"}
    assert [result.verdict for result in judge(power).results] == ["invalid", "valid"]


def test_a_nameplate_that_is_not_yaml_costs_the_system(power: PowerTree) -> None:
    """The official checker ends in a traceback, whether power was measured or not."""
    nameplate("a: [")(power)
    report = judge(power)
    assert {finding.rule for finding in report.findings} == {"STR002"}
    assert {result.verdict for result in report.results} == {"invalid"}
