"""`submitter.campaign.journal`."""

from __future__ import annotations

from pathlib import Path

import pytest

from submitter.campaign.journal import JOURNAL, ending_noted, read_journal, write_journal
from submitter.errors import RunError


def test_events_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    write_journal(tmp_path, "session", runs=["a", "b"])
    write_journal(tmp_path, "ended", why="because")
    first, second = read_journal(tmp_path)
    assert (first["event"], first["runs"], second["why"]) == ("session", ["a", "b"], "because")
    assert first["time_utc"] <= second["time_utc"]


def test_a_half_written_line_damages_no_other(tmp_path: Path) -> None:
    write_journal(tmp_path, "one")
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b'{"event": "cut')
    write_journal(tmp_path, "two")
    assert [each["event"] for each in read_journal(tmp_path)] == ["one", "two"]


def test_no_journal_has_no_events(tmp_path: Path) -> None:
    assert not list(read_journal(tmp_path))


def test_an_ending_is_noted_whatever_it_is(tmp_path: Path) -> None:
    for error in (KeyboardInterrupt(), RunError("it hung")):
        with pytest.raises(type(error)), ending_noted(tmp_path):
            raise error
    with ending_noted(tmp_path):
        pass
    assert [event["why"] for event in read_journal(tmp_path)] == ["KeyboardInterrupt", "RunError: it hung"]


def test_an_ending_that_cannot_be_noted_is_still_the_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="it hung"), ending_noted(tmp_path / "gone"):
        raise RunError("it hung")
