"""What the power workflow recorded, and the figure that a measurement gives: parsed, then as an object of the tree."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from power_damage import PTD_LOG, append, drop_from, move_end, remove, replace, set_in, write
from power_tree import SESSION, WATTS, PowerTree, add_power, time_of
from submission_tree import BOOK, Tree, write_tree

from submitter.model import Metric, Scenario
from submitter.submission import Unavailable, open_submission
from submitter.submission import power as parser
from submitter.submission.files import Unreadable
from submitter.submission.metric import power_metric
from submitter.submission.power import MILLIJOULES, PowerSession, energy_metric, is_energy_per_query
from submitter.submission.power_run import PowerRun, Unmeasured
from submitter.submission.ptdaemon import Malformed, moment_us

SPL = "run_1/spl.txt"


# One side's record

CONTENT = {
    "name": "a",
    "number": 1.5,
    "flag": True,
    "list": [{"cmd": "Hello"}, {"cmd": 7}],
    "table": {"a": 1},
    "nothing": None,
    "ptd_messages": [{"cmd": "Hello", "reply": "Hi"}, {"cmd": "Stop", "reply": "Bye"}],
}


@pytest.fixture
def session() -> PowerSession:
    return PowerSession(PurePosixPath("power/client.json"), CONTENT)


def test_values_are_found_by_their_keys(session: PowerSession) -> None:
    assert session.get("list", 0, "cmd") == "Hello"
    assert session.get("nothing") is None
    assert session.text("name") == "a"
    assert session.number("number") == 1.5
    assert session.table("table") == {"a": 1}
    assert [session.count(name) for name in ("list", "table", "name")] == [2, 1, 1]
    assert session.commands == ["Hello", "Stop"]
    assert session.reply(1) == "Bye"


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        (("missing",), "'missing'"),
        (("list", 2), r"'list\[2\]'"),
        (("list", 0, "reply"), r"'list\[0\].reply'"),
        (("list", "a"), "'list.a'"),
        (("table", 0), r"'table\[0\]'"),
        (("name", 0), r"'name\[0\]'"),
        (("nothing", "a", "b"), "'nothing.a'"),
    ],
)
def test_what_is_not_there_is_named(session: PowerSession, keys: tuple[Any, ...], named: str) -> None:
    with pytest.raises(Malformed, match=named):
        session.get(*keys)


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("text", ("number",)),
        ("text", ("list", 1, "cmd")),
        ("text", ("nothing",)),
        ("number", ("name",)),
        ("number", ("nothing",)),
        ("count", ("number",)),
        ("count", ("nothing",)),
        ("table", ("list",)),
        ("table", ("name",)),
    ],
)
def test_a_value_of_another_type_is_malformed(session: PowerSession, kind: str, keys: tuple[Any, ...]) -> None:
    with pytest.raises(Malformed, match=str(keys[0])):
        getattr(session, kind)(*keys)


def test_one_command_that_is_not_a_text_spoils_them_all() -> None:
    session = PowerSession(PurePosixPath("x"), {"ptd_messages": [{"cmd": "Hello"}, {"cmd": 7}]})
    with pytest.raises(Malformed, match=r"ptd_messages\[1\].cmd"):
        _ = session.commands


# The figure


def test_the_streams_figure_is_energy() -> None:
    energy = {scenario for scenario in Scenario if is_energy_per_query(scenario)}
    assert energy == {Scenario.SINGLE_STREAM, Scenario.MULTI_STREAM}


@pytest.mark.parametrize(
    ("scenario", "ran", "millijoules"),
    [
        (Scenario.SINGLE_STREAM, "SingleStream", 5_000),
        (Scenario.MULTI_STREAM, "MultiStream", 5_000),
        (Scenario.MULTI_STREAM, "SingleStream", 40_000),
    ],
)
def test_the_energy_of_a_query(scenario: Scenario, ran: str, millijoules: float) -> None:
    """100 W for 10 s over 200 queries are 5 J a query; an inferred query of MultiStream is eight of SingleStream."""
    assert energy_metric(100, 10, 200, scenario, ran) == Metric(millijoules, MILLIJOULES)


# The measurement in the tree


@pytest.fixture
def power(tree: Tree) -> PowerTree:
    return add_power(tree)


def run_of(power: PowerTree, scenario: str = "Offline") -> PowerRun:
    results = open_submission(power.tree.root, BOOK).results
    (run,) = [result.power for result in results if result.key.scenario == scenario and result.power]
    return run


def test_a_result_without_a_folder_of_power_has_none(power: PowerTree) -> None:
    (server,) = [result for result in open_submission(power.tree.root, BOOK).results if result.key.scenario == "Server"]
    assert (server.has_power, server.power, power_metric(server)) == (False, None, None)


def test_the_figure_is_the_mean_of_the_samples_inside_the_run(power: PowerTree) -> None:
    """Samples of 500 W lie around the run, and one inside it has no power."""
    assert "Watts,500.000000" in (power.folder / SPL).read_text()
    replace(SPL, r"(09:45:00\.272,Watts,)5000\.0+", r"\g<1>0")(power)
    assert run_of(power).metric == Metric(pytest.approx(WATTS), parser.WATTS)


@pytest.mark.parametrize(
    ("scenario", "ran", "factor"), [("SingleStream", "SingleStream", 1), ("MultiStream", "SingleStream", 8)]
)
def test_streams_report_energy_a_query(scenario: str, ran: str, factor: int, tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,))
    tree.result().rename(tree.base / scenario)
    tree.set(tree.performance_log(scenario), effective_scenario=ran, result_query_count=1000)
    run = run_of(add_power(tree, scenario), scenario)
    seconds = (time_of("08-30-2026 09:51:27.243") - time_of("08-30-2026 09:40:10.272")).total_seconds()
    assert run.metric == Metric(pytest.approx(WATTS * seconds * factor), MILLIJOULES)


def test_no_query_has_no_energy(tmp_path: Path) -> None:
    tree = write_tree(tmp_path, "open", (Scenario.OFFLINE,))
    tree.result().rename(tree.base / "SingleStream")
    tree.set(tree.performance_log("SingleStream"), effective_scenario="SingleStream", result_query_count=0)
    with pytest.raises(Unmeasured, match="query"):
        _ = run_of(add_power(tree, "SingleStream"), "SingleStream").metric


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (replace(SPL, r"Watts,5000\.0+", "Watts,0"), Unmeasured),
        (replace(SPL, r"Watts,5000\.0+", "Watts,much"), Unmeasured),
        (replace(SPL, "08-30-2026", "08-31-2026"), Unmeasured),
        (replace("run_1/mlperf_log_detail.txt", "09:40:10.272", "soon"), Unmeasured),
        (replace(SPL, r"Time,08-30-2026 09:45:00\.272", "Time,noon"), Unreadable),
        (remove(SPL), Unavailable),
        (remove("run_1/mlperf_log_detail.txt"), Unavailable),
    ],
)
def test_logs_that_give_no_figure(power: PowerTree, change: Any, error: type[Unavailable]) -> None:
    change(power)
    run = run_of(power)
    with pytest.raises(Unavailable) as caught:
        _ = run.metric
    assert type(caught.value) is error
    with pytest.raises(error):  # remembered
        _ = run.metric
    assert power_metric(run.result) is None


def test_the_window_is_read_by_line_as_the_official_power_checker_does(power: PowerTree) -> None:
    def duration_s() -> float:
        run = run_of(power)
        return run.window(run.testing).duration_s

    assert duration_s() == pytest.approx(676.971)
    replace("run_1/mlperf_log_detail.txt", r"\A(.*\n)", r"\1# POWER_BEGIN 01-01-2020 00:00:00.000\n")(power)
    assert duration_s() == pytest.approx(676.971)
    append("run_1/mlperf_log_detail.txt", "# power_begin none\n")(power)
    assert duration_s() == pytest.approx(676.971)
    move_end("run_1", "power_end", 60)(power)
    assert duration_s() == pytest.approx(736.971)


def test_the_log_of_ptdaemon_is_that_of_the_servers_session(power: PowerTree) -> None:
    ranging = run_of(power).ptd_log.ranging
    assert ranging is not None
    assert ranging.begin_us == moment_us("08-30-2026 09:22:05.272")
    assert SESSION in (power.folder / PTD_LOG).read_text()
    set_in("server", "session_name", "another")(power)
    assert run_of(power).ptd_log.ranging is None


@pytest.mark.parametrize(
    "change", [drop_from("server", "session_name"), remove("power/server.json"), write("power/server.json", "[1]")]
)
def test_without_the_session_there_is_no_log(power: PowerTree, change: Any) -> None:
    change(power)
    with pytest.raises(Unavailable, match=r"server\.json"):
        _ = run_of(power).ptd_log


def test_checksums_are_of_the_bytes_whether_read_before_or_not(power: PowerTree) -> None:
    run = run_of(power)
    spl = run.testing.path / "spl.txt"
    expected = hashlib.sha1((power.folder / SPL).read_bytes()).hexdigest()
    assert run.sha1(spl) == expected
    again = run_of(power)
    again.samples(again.testing)
    assert again.sha1(spl) == expected
    with pytest.raises(Unavailable, match="is missing"):
        run.sha1(run.testing.path / "nothing")


def test_every_file_is_read_by_one_of_its_readers(power: PowerTree) -> None:
    run = run_of(power)
    for read in run.readers():
        read()
    names = {PurePosixPath(name).relative_to(run.folder).as_posix() for name in run.files.opened}
    logs = {f"{folder}/{name}" for folder in ("run_1", "ranging") for name in ("spl.txt", "mlperf_log_detail.txt")}
    assert names == logs | {"power/client.json", "power/server.json", PTD_LOG}


def test_a_log_in_another_encoding_is_unreadable(power: PowerTree) -> None:
    (power.folder / PTD_LOG).write_bytes(b"caf\xe9")
    with pytest.raises(Unreadable, match="not UTF-8"):
        _ = run_of(power).ptd_log
