"""A power measurement: every rule passes on one that agrees with itself, and fails on one that was changed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from power_tree import SESSION, WATTS, PowerTree, add_power, stamp_of, time_of
from submission_tree import BOOK, SYSTEM, Tree, write_tree

from submitter.checker import Report
from submitter.checker.finding import Severity
from submitter.checker.rules.power_analyzer import analyzers_supported, ranges_restored
from submitter.checker.rules.power_figure import ranging_figure
from submitter.model import Metric, Scenario
from submitter.submission import open_submission
from submitter.submission.metric import power_metric
from submitter.submission.power_run import PowerRun
from submitter.submission.tree import System

Break = Callable[[PowerTree], object]
CASES: list[tuple[str, Break]] = []


def case(rule: str, break_it: Break) -> None:
    CASES.append((rule, break_it))


def _remove(name: str) -> Break:
    return lambda power: (power.folder / name).unlink()


def _write(name: str, text: str) -> Break:
    return lambda power: (power.folder / name).write_text(text)


def _set(side: str, *path: Any) -> Break:
    """Set a value of a session's file: the keys, then the value."""
    *keys, last, value = path

    def change(content: dict[str, Any]) -> None:
        inside: Any = content
        for key in keys:
            inside = inside[key]
        inside[last] = value

    return lambda power: power.edit(side, change)


def _drop(side: str, *keys: Any) -> Break:
    def change(content: dict[str, Any]) -> None:
        inside: Any = content
        for key in keys[:-1]:
            inside = inside[key]
        del inside[keys[-1]]

    return lambda power: power.edit(side, change)


def _text(name: str, pattern: str, new: str) -> Break:
    return lambda power: power.replace(name, pattern, new)


def _append(name: str, text: str) -> Break:
    return lambda power: power.edit_text(name, lambda before: before + text)


def _no_run(run: str, ends: str, shift_s: float) -> Break:
    """Move the time at which a run began or ended."""

    def move(text: str) -> str:
        match = re.search(rf'"{ends}", "value": "([^"]+)"', text)
        assert match
        return text.replace(match[1], stamp_of(time_of(match[1]) + timedelta(seconds=shift_s)))

    return lambda power: power.edit_text(f"{run}/mlperf_log_detail.txt", move)


PTD_LOG, DETAIL = "power/ptd_logs.txt", "mlperf_log_detail.txt"
LATER = "08-30-2026 09:45:00.000"

for missing in (
    "power/client.json",
    "power/server.log",
    PTD_LOG,
    "ranging/spl.txt",
    "run_1/spl.txt",
    f"ranging/{DETAIL}",
):
    case("PWR001", _remove(missing))
case("PWR001", _remove("run_1/mlperf_log_summary.txt"))
case("PWR001", _write("power/notes.txt", "a note"))
case("PWR001", _write("run_1/nohup.out", "started"))

case("PWR002", _text("run_1/spl.txt", r"Watts,5000\.0+", "Watts,0"))
case("PWR002", _text("run_1/spl.txt", r"Watts,5000\.0+", "Watts,much"))
case("PWR002", _text("run_1/spl.txt", "08-30-2026", "08-31-2026"))

case("PWR004", lambda power: _nameplate(power, "Min PSUs Needed: 1\nPSUs: none\n"))

case("PWR005", _set("server", "phases", "ranging", 1, 0, 0))
case("PWR005", _drop("server", "phases", "testing", 3))
case("PWR005", _set("both", "phases", "testing", 0, 0, "noon"))
case("PWR006", _no_run("run_1", "power_end", 60))
case("PWR006", _no_run("ranging", "power_begin", -60))
case("PWR006", _set("both", "phases", "testing", []))
case("PWR007", _no_run("run_1", "power_end", -600))
case("PWR008", _text("run_1/spl.txt", r"Watts,5000\.0+", "Watts,4700"))
case("PWR008", _text("ranging/spl.txt", r"Watts,5000\.0+", "Watts,5500"))
case("PWR008", _text("ranging/spl.txt", r"PF,0\.99", "PF,none"))

case("PWR009", _text("run_1/spl.txt", r"(09:45:00\.272,Watts,)5000\.0+", r"\g<1>inf"))

for field in ("version", "sources", "uuid", "results", "phases"):
    case("PWR010", _drop("client", field))
case("PWR011", _set("server", "sources", "client.py", "0" * 40))
case("PWR011", _drop("client", "sources", "server.py"))
case("PWR011", _set("client", "sources", None))
case("PWR012", _set("server", "ptd_messages", 1, "reply", "YokogawaWT330E,version=1.9.2-abc"))
case("PWR012", _set("server", "ptd_messages", 1, "reply", f"Clamp,version={BOOK.power.ptdaemon_versions[0]}-abc"))
case("PWR012", _set("server", "ptd_messages", 1, "reply", ""))
case("PWR012", _drop("server", "ptd_messages"))
case("PWR013", _set("server", "ptd_messages", 4, "reply", "Range A not changed"))
case("PWR013", _set("server", "ptd_messages", 14, "reply", "Stopping untimed measurement"))
case("PWR013", _set("server", "ptd_messages", 6, "reply", None))
case("PWR014", _set("server", "ptd_messages", 13, "cmd", "SR,A,20"))
case("PWR014", _set("server", "ptd_messages", 12, "cmd", "SR,V,300"))
case("PWR014", _set("server", "ptd_messages", 2, "reply", "Ranges"))
case("PWR014", _drop("server", "ptd_messages", 12))
case("PWR015", _set("server", "uuid", "client", "f9830b38-d160-4d6f-b487-0ed020f48fd4"))
case("PWR015", _set("both", "uuid", "server", "mine"))
case("PWR016", _set("client", "session_name", "2026-08-30_09-20-01"))
case("PWR017", _drop("client", "messages", 2))
case("PWR017", _set("client", "messages", 2, "reply", "no"))
case("PWR017", _set("both", "messages", 0, "reply", "mlcommons/power server v4"))
case("PWR017", _set("both", "messages", 0, "cmd", "hello"))
case("PWR017", _set("both", "messages", []))
case("PWR018", _write("power/client.log", "another\n"))
case("PWR018", _drop("server", "results", "run_1/spl.txt"))
case("PWR018", _set("server", "results", "run_1/spl.txt", "0" * 40))
case("PWR018", _set("server", "results", f"run_1/{DETAIL}", "0" * 40))
case("PWR018", _set("both", "results", []))
case("PWR019", _set("server", "ptd_config", 0, "device_type", 99))
case("PWR019", _set("server", "ptd_config", 0, "device_type", BOOK.power.two_channels))
case("PWR019", _set("server", "ptd_config", {"device_type": 52}))
case("PWR020", _set("server", "debug", True))
case("PWR021", _set("server", "timezone", "UTC"))

case("PWR030", _text(PTD_LOG, r"_ranging'", "_testing'"))
case("PWR030", _text(PTD_LOG, "Completed test", "Completed"))
case("PWR031", _text(PTD_LOG, ".*is activated\n", ""))
case("PWR031", _text(PTD_LOG, "08-30-2026 09:20:00.100: (.*is activated)", r"\1"))
case("PWR031", _text(PTD_LOG, "08-30-2026 09:20:00.100: (.*is activated)", rf"{LATER}: \1"))
case("PWR032", _append(PTD_LOG, f"{LATER}: ERROR: Bad watts reading nan from Yokogawa\n"))
case("PWR032", _append(PTD_LOG, "ERROR: Bad watts reading nan from Yokogawa\n"))
case(
    "PWR033",
    _append(PTD_LOG, f"{LATER}: ERROR: USB.\n{LATER}: ERROR: Bad watts reading nan from Yokogawa\n"),
)
case(
    "PWR033",
    _append(PTD_LOG, f"{LATER}: WARNING: Uncertainty 1.02%, which is above 1.00% limit for the last sample!\n"),
)


# PWR003 is no rule of the newest round: test_older_rounds_read_a_figure_from_the_ranging_run has its case.
COVERED = {rule for rule, _ in CASES} | {"PWR003"}


def _judge(power: PowerTree) -> Report:
    report = power.tree.check(select=["PWR", "STR001", "STR002", "STR005"])
    assert not report.crashed, report.findings
    return report


def _rules(power: PowerTree) -> set[str]:
    return {finding.rule for finding in _judge(power).findings}


@pytest.fixture
def power(tree: Tree) -> PowerTree:
    return add_power(tree)


def _power_run(power: PowerTree, scenario: str = "Offline", book: Any = BOOK) -> PowerRun:
    results = open_submission(power.tree.root, book).results
    (run,) = [result.power for result in results if result.key.scenario == scenario and result.power]
    return run


def test_a_measurement_that_agrees_with_itself_breaks_no_rule(power: PowerTree) -> None:
    report = _judge(power)
    assert not report.findings
    assert not report.skipped
    measured = {result.key.scenario: result.power for result in report.results}
    assert measured == {"Offline": Metric(pytest.approx(WATTS), "Watts"), "Server": None}


@pytest.mark.parametrize(("rule", "break_it"), CASES, ids=[f"{rule}-{n}" for n, (rule, _) in enumerate(CASES)])
def test_the_rule_finds_it(rule: str, break_it: Break, power: PowerTree) -> None:
    break_it(power)
    report = _judge(power)
    found = [finding for finding in report.findings if finding.rule == rule]
    assert found, report.findings
    verdicts = {result.key.scenario: result.verdict for result in report.results}
    refused = found[0].severity is Severity.ERROR
    assert verdicts == {"Offline": "invalid" if refused else "valid", "Server": "valid"}


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
    found = [finding for finding in _judge(power).findings if finding.rule == "STR002"]
    assert [finding.path.endswith(name) for finding in found] == [True]


@pytest.mark.parametrize(
    "change",
    [
        _no_run("run_1", "power_end", -30),
        _no_run("run_1", "power_end", -300),
        _text("run_1/spl.txt", r"Watts,5000\.0+", "Watts,4751"),
        _set("server", "phases", "testing", 1, 0, time_of("08-30-2026 09:40:01.000").timestamp()),
        _set("server", "messages", 1, "reply", "2"),
        _set("server", "uuid", "client", "{25D3F248-227D-4F83-BE0C-3A181E48EDD5}"),
        _set("server", "results", "power/more.log", "0"),
        _append(PTD_LOG, f"{LATER}: ERROR: USB.\n"),
        _append(PTD_LOG, f"{LATER}: WARNING: something\n"),
        _write("power/.gitkeep", ""),
        _write("run_1/mlperf_log_accuracy.json", "[]"),
    ],
)
def test_what_is_allowed(change: Break, power: PowerTree) -> None:
    change(power)
    assert _rules(power) == set()


def test_a_shortened_run_hides_its_power_from_the_comparison(power: PowerTree) -> None:
    _no_run("run_1", "power_end", -600)(power)
    _text("run_1/spl.txt", r"Watts,5000\.0+", "Watts,2500")(power)
    assert _rules(power) == {"PWR007"}


@pytest.mark.parametrize(
    ("scenario", "ran", "millijoules"),
    [
        ("SingleStream", "SingleStream", 1.0),
        ("MultiStream", "MultiStream", 1.0),
        ("MultiStream", "SingleStream", 8.0),
    ],
)
def test_streams_report_energy_a_query(scenario: str, ran: str, millijoules: float, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,))
    tree.result().rename(tree.base / scenario)
    tree.set(tree.performance_log(scenario), effective_scenario=ran, result_query_count=1000)
    run = _power_run(add_power(tree, scenario), scenario)
    seconds = (time_of("08-30-2026 09:51:27.243") - time_of("08-30-2026 09:40:10.272")).total_seconds()
    energy_mj = WATTS * seconds * millijoules
    assert power_metric(run.result) == Metric(pytest.approx(energy_mj), "millijoules")


def test_the_figure_counts_samples_inside_the_window_only(power: PowerTree) -> None:
    """Samples of 500 W lie around the run, and one inside it has no power."""
    text = (power.folder / "run_1/spl.txt").read_text()
    assert "Watts,500.000000" in text
    _text("run_1/spl.txt", r"(09:45:00\.272,Watts,)5000\.0+", r"\g<1>0")(power)
    assert power_metric(_power_run(power).result) == Metric(pytest.approx(WATTS), "Watts")


@pytest.mark.parametrize("key", ["result_samples_per_second", "result_tokens_per_second", "effective_scenario"])
def test_older_rounds_read_a_figure_from_the_ranging_run(key: str, power: PowerTree) -> None:
    assert not list(ranging_figure(_power_run(power), BOOK))
    _text(f"ranging/{DETAIL}", f".*{key}.*\n", "")(power)
    (problem,) = ranging_figure(_power_run(power), BOOK)
    assert key in problem.message
    assert "PWR003" in BOOK.checker.absent
    assert _rules(power) == set()


def test_a_window_takes_the_last_line_before_both_are_known(power: PowerTree) -> None:
    """As the official power checker reads the log: by line, in any case, until it has both."""
    run = _power_run(power)
    assert run.window(run.testing).duration_s == pytest.approx(676.971)
    _text(f"run_1/{DETAIL}", r"\A(.*\n)", r"\1# POWER_BEGIN 01-01-2020 00:00:00.000\n")(power)
    assert _power_run(power).window(_power_run(power).testing).duration_s == pytest.approx(676.971)
    _append(f"run_1/{DETAIL}", "# power_begin none\n")(power)
    assert _power_run(power).window(_power_run(power).testing).duration_s == pytest.approx(676.971)


@pytest.mark.parametrize("content", [None, 3, "x", [], {}, True, [[]], [{}], [3], 10**400])
@pytest.mark.parametrize("key", ["messages", "ptd_messages", "ptd_config", "uuid", "phases", "results", "sources"])
def test_a_wrong_type_is_a_finding(key: str, content: Any, power: PowerTree) -> None:
    power.edit("both", lambda session: session.update({key: content}))
    report = _judge(power)
    # No analyzer at all is let pass by the official check.
    refused = (key, content) not in (("ptd_config", []), ("ptd_config", {}))
    assert (report.results[0].verdict == "invalid") is refused, json.dumps(content)


TEMPLATE = """
My System:
- My Rack 1:
  - My Server 1:
    - Description: 'two supplies, one is enough'
      Min PSUs Needed: 1
      PSUs:
      - Name: PSU 1
        PowerCapacityWatts: 1200
      - Name: PSU 2
        PowerCapacityWatts: 1500
  - My Switch 1:
    - Min PSUs needed: 2
      PSUs:
      - Name: PSU 1
        PowerCapacityWatts: 100.5
      - Name: PSU 2
"""


def _nameplate(power: PowerTree, text: str) -> System:
    power.tree.system_json().with_name(f"{SYSTEM}_power.yaml").write_text(text)
    return _power_run(power).result.system


def test_the_rating_is_the_sum_of_the_supplies_that_are_needed(power: PowerTree) -> None:
    assert _power_run(power).result.system.design_power_watts is None
    assert _nameplate(power, TEMPLATE).design_power_watts == pytest.approx(1500 + 100.5)
    assert _rules(power) == set()
    power.tree.edit_json(power.tree.system_json(), system_power_capacity="3000 W")
    assert _nameplate(power, "").design_power_watts == "3000 W"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        TEMPLATE.replace("1200", "many"),
        TEMPLATE.replace("Needed: 1", "Needed: one"),
        "Min PSUs Needed: 1\nPSUs: [1200]\n",
        "Min PSUs Needed: 1\nPSUs: 1200\n",
        "1: 2\n",
        "a: &a [*a]\n",
        f"Min PSUs Needed: 2\nPSUs: [{{PowerCapacityWatts: 1{'0' * 400}}}, {{PowerCapacityWatts: 1.5}}]\n",
    ],
)
def test_a_rating_that_cannot_be_added_up(text: str, power: PowerTree) -> None:
    _nameplate(power, text)
    assert _rules(power) == {"PWR004"}


def test_a_nameplate_of_aliases_costs_no_time(power: PowerTree) -> None:
    doubled = "".join(f"l{n}: &l{n} [*l{n - 1}, *l{n - 1}]\n" for n in range(1, 45))
    assert _nameplate(power, "l0: &l0 [1]\n" + doubled).design_power_watts == 0


def test_a_nameplate_that_is_no_yaml_costs_the_system(power: PowerTree) -> None:
    """The official checker ends in a traceback, whether power was measured or not."""
    _nameplate(power, "a: [")
    report = _judge(power)
    assert {finding.rule for finding in report.findings} == {"STR002"}
    assert {result.verdict for result in report.results} == {"invalid"}


def test_one_analyzer_or_several_by_round(power: PowerTree) -> None:
    """Up to v5.0 ptd_config is one analyzer, from v5.1 on a list."""
    older = msgspec.structs.replace(BOOK, power=msgspec.structs.replace(BOOK.power, several_analyzers=False))
    assert list(analyzers_supported(_power_run(power), older))
    power.edit("server", lambda session: session.update(ptd_config=session["ptd_config"][0]))
    assert not list(analyzers_supported(_power_run(power), older))


def test_which_command_restores_the_range_by_round(power: PowerTree) -> None:
    """Up to v5.0 it must be the third, from v5.1 on the third or the fourth."""
    older = msgspec.structs.replace(BOOK, power=msgspec.structs.replace(BOOK.power, amps_restored_by=(3,)))
    (problem,) = ranges_restored(_power_run(power), older)
    assert problem.required == "SR,A,40.000000"
    _drop("server", "ptd_messages", 4)(power)
    assert not list(ranges_restored(_power_run(power), older))
    assert list(ranges_restored(_power_run(power), BOOK))
