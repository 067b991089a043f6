"""Durations, counts and margins in words, and lines that fit."""

from __future__ import annotations

import pytest

from submitter.console.words import duration, fitted, margins, short_count, short_duration


@pytest.mark.parametrize(
    ("seconds", "long", "short"),
    [
        (-3, "0 s", "0s"),
        (44.6, "45 s", "45s"),
        (59.7, "1 min 00 s", "1m00"),
        (750, "12 min 30 s", "12m30"),
        (3900, "1 h 05 min", "1h05"),
        (360_000, "100 h 00 min", "100h00"),
    ],
)
def test_durations(seconds: float, long: str, short: str) -> None:
    assert (duration(seconds), short_duration(seconds)) == (long, short)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (812.4, "812"), (3206, "3.21k"), (45_600, "45.6k"), (999_000, "999k"), (1.02e6, "1.02M")],
)
def test_counts_have_three_digits(value: float, text: str) -> None:
    assert short_count(value) == text


@pytest.mark.parametrize(
    ("value", "lower", "upper", "text"),
    [
        (90.625, 80.0, None, "13.28 % above 80"),
        (44.0, 44.3868, None, "0.87 % SHORT OF 44.3868"),
        (330.0, 265.005, 323.895, "24.53 % above 265.005, 1.88 % OVER 323.895"),
        (300.0, None, 323.895, "7.38 % below 323.895"),
        (5.0, None, None, ""),
    ],
)
def test_margins(value: float, lower: float | None, upper: float | None, text: str) -> None:
    assert margins(value, lower, upper) == text


def test_a_line_gets_shorter_in_the_given_order_and_no_more_than_it_must() -> None:
    parts = [("Server performance", "Server"), ("1,000/2,000", "50%"), ("1 min left", "1m", "")]
    order = (2, 0, 1, 2)
    lines = {columns: fitted(parts, order, columns) for columns in range(4, 60)}
    assert all(len(line) <= columns for columns, line in lines.items())
    assert list(dict.fromkeys(lines[columns] for columns in range(59, 10, -1))) == [
        "Server performance  1,000/2,000  1 min left",
        "Server performance  1,000/2,000  1m",
        "Server  1,000/2,000  1m",
        "Server  50%  1m",
        "Server  50%",
    ]
    assert lines[4] == "Serv"
