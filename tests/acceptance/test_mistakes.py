"""Each mistake of `docs/mistakes.md` is caught where the page says, with the words that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from mistakes.page import page, row
from mistakes.record import BEFORE_ANY_RUN, Base, Mistake, Stage
from mistakes.table import AREAS, MISTAKES
from mistakes.workshop import REPOSITORY, CannotBeMadeHereError, Workshop, problems

PAGE = (REPOSITORY / "docs" / "mistakes.md").read_text()


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    pytest.importorskip("tokenizers")
    pytest.importorskip("mlperf_loadgen")
    return Workshop(tmp_path_factory.mktemp("workshop"))


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(each, id=each.id, marks=[pytest.mark.slow] * each.is_slow) for each in MISTAKES],
)
def test_it_is_caught_where_the_page_says(mistake: Mistake, workshop: Workshop) -> None:
    if mistake.needs_vllm:
        pytest.importorskip("vllm")
    try:
        outcome = workshop.outcome(mistake)
    except CannotBeMadeHereError as error:
        pytest.skip(str(error))
    assert problems(mistake, outcome) == [], outcome.output
    assert row(mistake, outcome) in PAGE.splitlines(), "make mistakes writes the page again"


def test_the_page_has_these_mistakes_and_no_others() -> None:
    """The words of the introduction and of the headings, too: only the cells of messages are not compared here."""
    lines = iter(line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| mistake"))
    rows = {mistake.id: next(lines) for mistake in MISTAKES}
    assert page(rows) == PAGE
    for mistake in MISTAKES:
        assert rows[mistake.id].startswith(f"| {mistake.what} | {mistake.caught_by} | `"), mistake.id


def test_a_mistake_is_named_once() -> None:
    ids = [mistake.id for mistake in MISTAKES]
    assert len(set(ids)) == len(ids)
    texts = [(area, mistake.what) for area, mistakes in AREAS.items() for mistake in mistakes]
    assert len(set(texts)) == len(texts)


def test_what_a_run_shows_is_only_what_a_run_can_show() -> None:
    """A mistake in a file that exists before the first run is caught before it."""
    late = [each.id for each in MISTAKES if each.base is Base.READY and each.stage not in BEFORE_ANY_RUN]
    assert late == []
    assert {each.stage for each in MISTAKES if each.base is Base.FINISHED} <= {Stage.SCORE, Stage.ASSEMBLE, Stage.CHECK}


@pytest.mark.parametrize("base", [Base.READY, Base.REHEARSAL])
def test_nothing_is_wrong_with_the_campaign_itself(base: Base, workshop: Workshop) -> None:
    if base is Base.READY:
        pytest.importorskip("vllm")
    outcome = workshop.planned(base)
    assert outcome.code == 0, outcome.output
    assert "WRONG" not in outcome.output


def test_a_row_that_is_not_caught_is_reported(workshop: Workshop, tmp_path: Path) -> None:
    """The judge itself: a mistake that is none, and one with another message, code and time."""
    none = Mistake(id="none", what="", make=lambda made: None, base=Base.REHEARSAL, message="unheard of")
    assert problems(none, workshop.outcome(none)) == [
        "exit code 0, required 2",
        "not in the output: 'unheard of'",
    ]
    run = Mistake(
        id="run",
        what="",
        make=lambda made: None,
        base=Base.REHEARSAL,
        stage=Stage.PREFLIGHT,
        command=("run", "{file}", "--scenario", "Offline", "--mode", "accuracy"),
        message="",
    )
    assert problems(run, workshop.outcome(run)) == ["exit code 0, required 2", "a run was started"]
