"""The power analyzer's samples and PTDaemon's log, line by line as the official power checker reads them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from submitter.submission.ptdaemon import (
    Malformed,
    PowerSamples,
    PtdEntry,
    Window,
    moment_us,
    read_ptd_log,
    read_samples,
    shown_moment,
    window_of_log,
)

S = 1_000_000
NOON = "07-25-2025 12:00:00.000"
AFTER = "07-25-2025 12:00:10.500"


# Times


@pytest.mark.parametrize(
    "stamp",
    [NOON, "01-01-1970 00:00:00.000", "12-31-2026 23:59:59.999", "02-29-2024 01:02:03.004", "07-25-2025 15:27:44.482"],
)
def test_a_stamp_is_microseconds_since_1970(stamp: str) -> None:
    there = datetime.strptime(stamp, "%m-%d-%Y %H:%M:%S.%f").replace(tzinfo=UTC)
    assert moment_us(stamp) == round(there.timestamp() * 1000) * 1000
    assert shown_moment(moment_us(stamp)) == stamp


@pytest.mark.parametrize(
    ("stamp", "usual"),
    [
        ("7-5-2025 1:2:3.4", "07-05-2025 01:02:03.400"),
        ("07-25-2025 12:00:00.0005", "07-25-2025 12:00:00.000"),
        ("07-25-2025 12:00:0٣.000", "07-25-2025 12:00:03.000"),
    ],
)
def test_a_stamp_in_another_shape_is_read_as_python_does(stamp: str, usual: str) -> None:
    assert shown_moment(moment_us(stamp)) == usual


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "noon",
        "02-30-2025 10:00:00.000",
        "13-01-2025 10:00:00.000",
        "07-25-2025 10:61:00.000",
        "07-25-2025 10:00:61.000",
        "07-25-2025 10:00:00,000",
        "07-25-2025 10:00:00.+00",
        "x" * 10_000,
    ],
)
def test_what_is_not_a_time(stamp: str) -> None:
    with pytest.raises(Malformed) as error:
        moment_us(stamp)
    assert len(str(error.value)) < 100


def test_a_window_has_a_length_and_reads_as_two_times() -> None:
    window = Window(moment_us(NOON), moment_us(AFTER))
    assert window.duration_s == 10.5
    assert str(window) == f"{NOON} to {AFTER}"


# LoadGen's log


def entry(name: str, stamp: str) -> str:
    return f':::MLLOG {{"key": "{name}", "value": "{stamp}", "time_ms": 1.0}}'


def test_the_window_of_a_log() -> None:
    lines = ["", entry("sut_name", NOON), entry("power_begin", NOON), "x", entry("power_end", AFTER)]
    assert window_of_log("\n".join(lines)) == Window(moment_us(NOON), moment_us(AFTER))
    assert window_of_log("\n".join(reversed(lines))) == Window(moment_us(NOON), moment_us(AFTER))


def test_until_both_are_known_a_later_line_counts_whatever_it_is() -> None:
    lines = [f"# POWER_BEGIN {AFTER}", entry("power_begin", NOON), entry("power_end", AFTER), "power_begin none"]
    assert window_of_log("\n".join(lines)).begin_us == moment_us(NOON)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "power_begin"),
        ([entry("power_end", NOON)], "power_begin"),
        ([entry("power_begin", NOON)], "power_end"),
        ([entry("power_begin", "noon"), entry("power_end", NOON)], "power_begin has no time"),
        ([entry("power_begin", "02-30-2025 10:00:00.000")], "02-30-2025"),
    ],
)
def test_a_log_without_a_window(lines: list[str], reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        window_of_log("\n".join(lines))


# Samples


def sample(second: int, watts: object, factor: object = 0.9) -> str:
    return f"Time,07-25-2025 12:00:{second:02}.000,Watts,{watts},Volts,230,Amps,1,PF,{factor},Mark,x"


def test_only_lines_of_samples_are_read() -> None:
    samples = read_samples("\n".join(["# a comment", sample(1, 5), "", "Other,1,2", sample(2, 6)]))
    assert samples.moments_us == [moment_us(NOON) + 1 * S, moment_us(NOON) + 2 * S]
    assert len(samples.rows) == 2


def test_a_sample_without_a_time_is_named_by_its_line() -> None:
    with pytest.raises(Malformed, match="line 2: 'noon'"):
        read_samples("\n".join([sample(1, 5), "Time,noon,Watts,5"]))


def window(begin_s: float, end_s: float) -> Window:
    return Window(moment_us(NOON) + int(begin_s * S), moment_us(NOON) + int(end_s * S))


def test_the_mean_is_of_the_samples_inside_that_draw_power() -> None:
    samples = read_samples(
        "\n".join([sample(1, 1000), sample(2, 4), sample(3, 0), sample(4, -1), sample(5, 8), sample(6, 1000)])
    )
    assert samples.mean_watts(window(1, 6)) == 6
    assert samples.mean_watts(window(0.9, 1.1)) == 1000
    assert samples.mean_watts(window(2.5, 4.5)) is None
    assert PowerSamples().mean_watts(window(0, 60)) is None


@pytest.mark.parametrize(
    "row", [sample(2, "much"), sample(2, ""), "Time,07-25-2025 12:00:02.000", "Time,07-25-2025 12:00:02.000,Watts"]
)
def test_a_sample_inside_without_power_is_malformed(row: str) -> None:
    samples = read_samples("\n".join([sample(1, 5), row]))
    assert samples.mean_watts(window(0, 2)) == 5
    with pytest.raises(Malformed, match="column 4"):
        samples.mean_watts(window(0, 3))


def test_the_power_factor_is_read_only_on_request() -> None:
    samples = read_samples("\n".join([sample(1, 5, "none")]))
    assert samples.mean_watts(window(0, 2)) == 5
    with pytest.raises(Malformed, match="column 10"):
        samples.mean_watts(window(0, 2), with_power_factor=True)


# PTDaemon's log


def ptd(stamp: str, text: str) -> str:
    return f"{stamp}: {text}"


RANGING = [ptd(NOON, "Go with mark 'session_ranging'"), ptd(AFTER, "Completed test")]


def test_ranging_is_from_its_mark_to_the_next_end() -> None:
    before = [ptd("07-25-2025 11:00:00.000", "Completed test"), "no time here"]
    log = read_ptd_log("\n".join([*before, *RANGING, ptd("07-25-2025 13:00:00.000", "Completed test")]), "session")
    assert log.ranging == Window(moment_us(NOON), moment_us(AFTER))
    assert (log.uncertainty_checked, log.entries) == (None, ())


@pytest.mark.parametrize("lines", [[], RANGING[:1], RANGING[1:], [RANGING[0].replace("session", "other"), RANGING[1]]])
def test_without_a_beginning_and_an_end_there_is_no_ranging(lines: list[str]) -> None:
    assert read_ptd_log("\n".join(lines), "session").ranging is None


def test_errors_and_warnings_come_once_with_their_line_and_time() -> None:
    error, warning = ptd(NOON, "ERROR: USB."), "WARNING: something "
    log = read_ptd_log("\n".join([error, warning, error, ptd(AFTER, "ERROR: USB.")]), "session")
    assert log.entries == (
        PtdEntry(1, True, "USB.", moment_us(NOON)),
        PtdEntry(2, False, "something", None),
        PtdEntry(4, True, "USB.", moment_us(AFTER)),
    )


def test_the_first_line_that_says_that_uncertainty_is_checked() -> None:
    said = "Uncertainty checking for YokogawaWT330E is activated"
    log = read_ptd_log("\n".join([f"x {said}", ptd(NOON, said)]), "session")
    assert log.uncertainty_checked == PtdEntry(1, False, said, None)
    assert (
        read_ptd_log("\n".join(["Uncertainty checking for Clamp is activated"]), "session").uncertainty_checked is None
    )


def test_a_time_that_does_not_exist_counts_until_ranging_has_ended() -> None:
    nowhen = ptd("13-01-2025 10:00:00.000", "x")
    with pytest.raises(Malformed, match="13-01-2025"):
        read_ptd_log("\n".join([nowhen, *RANGING]), "session")
    assert read_ptd_log("\n".join([*RANGING, nowhen]), "session").ranging is not None


def test_a_session_name_with_a_quote_is_marked_as_python_spells_it() -> None:
    lines = [ptd(NOON, """Go with mark "it's_ranging\""""), RANGING[1]]
    assert read_ptd_log("\n".join(lines), "it's").ranging is not None
