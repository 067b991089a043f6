"""`submitter score`: scores a campaign's accuracy runs, or compares the scores of a submission with their targets."""

from __future__ import annotations

import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli import complete
from submitter.cli.say import say
from submitter.errors import InputError

if TYPE_CHECKING:
    from submitter.insight.scored_results import ScoredResult


def score(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="CAMPAIGN.toml|FOLDER", help="A campaign; or a submission, a folder inside one, or its archive."
        ),
    ],
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="For a submission: its round. By default the round with the seeds of its logs.",
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="For a submission: a converted data set, to score its complete logs again."),
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The folder of the tokenizer.json for scoring again.")
    ] = None,
) -> None:
    """Score a campaign's accuracy runs, or compare a submission's scores with their targets."""
    if not (path.is_dir() or _is_archive(path)):
        given = {"--round": round_name, "--dataset": dataset, "--tokenizer": tokenizer}
        if unused := [name for name, value in given.items() if value is not None]:
            raise InputError(
                f"{' and '.join(unused)} cannot be used here: {path} is not the folder of a submission",
                "a campaign file has its own round, data set and model",
            )
        _score_campaign(path)
        return
    if (dataset is None) != (tokenizer is None):
        raise InputError("scoring again needs both --dataset and --tokenizer", "give both, or neither")
    raise typer.Exit(_score_tree(path, round_name, dataset, tokenizer))


def _is_archive(path: Path) -> bool:
    from submitter.archive.extraction import is_archive

    return is_archive(path)


def _score_campaign(path: Path) -> None:
    """Score a campaign's accuracy runs and print a table of the scores."""
    from submitter import campaign as c
    from submitter.cli.closing_table import show_score_table
    from submitter.cli.progress import READING, show_scoring
    from submitter.console import Working

    with closing(Working(sys.stderr)) as work:
        work.begin(READING)
        scores = c.score_campaign(path, on_progress=partial(show_scoring, work))
    show_score_table(scores)


def _score_tree(path: Path, round_name: str | None, dataset: Path | None, tokenizer: Path | None) -> int:
    """The exit code: 1 if a closed result misses a target, or scoring again does not give the stated score; else 0."""
    from submitter.console import margins
    from submitter.insight.scored_results import scored_results
    from submitter.rulebook import load_rulebook
    from submitter.submission import opened_until_done

    wrong = 0
    with opened_until_done(path, load_rulebook(round_name) if round_name else None) as opened:
        if round_name is None:
            say(f"targets of round {opened.book.name} (use --round for another)")
        for result in scored_results(opened):
            figure = f"{result.metric.value:.10g} {result.metric.unit}" if result.metric else "no metric"
            print(f"{result.path}: {figure}")
            for name, value, target in result.scores:
                stated = (
                    (f"{value:.10g}", margins(value, target.lower, target.upper))
                    if value is not None
                    else ("not stated",)
                )
                print(f"  {name} {', '.join(filter(None, stated))}")
            wrong += result.is_closed and result.misses_a_target
            if not result.scores:
                print("  no readable score")
            wrong += _scored_again_differs(result, dataset, tokenizer)
    return 1 if wrong else 0


def _scored_again_differs(result: ScoredResult, dataset: Path | None, tokenizer: Path | None) -> bool:
    """Score a complete accuracy log again, if its data set and tokenizer are given. True if a score differs."""
    from submitter.insight.scored_results import AccuracyLogState

    if result.accuracy_log is not AccuracyLogState.WHOLE:
        print(f"  accuracy log {result.accuracy_log}: it cannot be scored again")
        return False
    if dataset is None or tokenizer is None:
        print("  accuracy log complete: give --dataset and --tokenizer to score it again")
        return False
    from submitter import scoring
    from submitter.console import Working
    from submitter.harness.dataset import Dataset

    with closing(Working(sys.stderr)) as work:
        work.begin(f"scoring {result.path}", "answers")
        references = Dataset.open(dataset)
        references.verify()
        again = scoring.score(result.accuracy_log_path, references.references(), tokenizer, on_progress=work.advance)
    stated = {name: value for name, value, _ in result.scores if value is not None}
    other = {name: again.metrics[name] for name in stated if again.metrics.get(name, stated[name]) != stated[name]}
    for name, found in other.items():
        print(f"  scored again: {name} is {found:.10g}, stated is {stated[name]:.10g}")
    if result.stated_sha256 not in (None, again.log_sha256):
        print(f"  the log's SHA-256 is {again.log_sha256}, stated is {result.stated_sha256}")
        return True
    if not other:
        print("  scored again: equal to the stated scores")
    return bool(other)
