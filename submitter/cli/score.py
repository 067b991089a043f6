"""The command that scores: a campaign's accuracy runs, or what a submission tree says and still can show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.errors import InputError

if TYPE_CHECKING:
    from submitter.insight.scored_results import ScoredResult


def score(
    path: Annotated[
        Path, typer.Argument(metavar="CAMPAIGN.toml|FOLDER", help="A campaign, a submission, or a folder inside one.")
    ],
    round_name: Annotated[
        str | None, typer.Option("--round", help="Of a submission: its round; by default the one of its seeds.")
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Of a submission: a converted data set, to score whole logs again.")
    ] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="The folder of the tokenizer.json for that.")] = None,
) -> None:
    """Score a campaign's accuracy runs, or show how a submission's scores stand to their targets."""
    if not path.is_dir():
        from submitter import campaign as c
        from submitter.cli.progress import show_score

        c.score_campaign(path, show_score)
        return
    if (dataset is None) != (tokenizer is None):
        raise InputError("scoring again needs both --dataset and --tokenizer", "give both, or neither")
    raise typer.Exit(_score_tree(path, round_name, dataset, tokenizer))


def _score_tree(path: Path, round_name: str | None, dataset: Path | None, tokenizer: Path | None) -> int:
    """1 if a result of the closed division misses a target, or another score comes out than is stated; else 0."""
    from submitter.console import margins
    from submitter.insight.scored_results import scored_results
    from submitter.rulebook import load_rulebook
    from submitter.submission import open_submission

    opened = open_submission(path, load_rulebook(round_name) if round_name else None)
    if round_name is None:
        say(f"targets of round {opened.book.name} (--round names another)")
    wrong = 0
    for standing in scored_results(opened):
        figure = f"{standing.metric.value:.10g} {standing.metric.unit}" if standing.metric else "no figure"
        print(f"{standing.path}: {figure}")
        for name, value, target in standing.scores:
            told = "not stated" if value is None else f"{value:.10g}{margins(value, target.lower, target.upper)}"
            print(f"  {name} {told}")
        wrong += standing.is_closed and standing.misses_a_target
        if not standing.scores:
            print("  no score that can be read")
        wrong += _answers(standing, dataset, tokenizer)
    return 1 if wrong else 0


def _answers(standing: ScoredResult, dataset: Path | None, tokenizer: Path | None) -> bool:
    """Say what the accuracy log still allows, and do it where all that it takes was given; True if a score differs."""
    from submitter.insight.scored_results import AccuracyLogState

    if standing.accuracy_log is not AccuracyLogState.WHOLE:
        print(f"  accuracy log {standing.accuracy_log}: it cannot be scored again")
        return False
    if dataset is None or tokenizer is None:
        print("  accuracy log whole: give --dataset and --tokenizer to score it again")
        return False
    from submitter import scoring
    from submitter.harness.dataset import Dataset

    references = Dataset.open(dataset)
    references.verify()
    again = scoring.score(standing.accuracy_log_path, references.references(), tokenizer)
    stated = {name: value for name, value, _ in standing.scores if value is not None}
    other = {name: again.metrics[name] for name in stated if again.metrics.get(name, stated[name]) != stated[name]}
    for name, found in other.items():
        print(f"  scored again: {name} is {found:.10g}, {stated[name]:.10g} is stated")
    if standing.stated_sha256 not in (None, again.log_sha256):
        print(f"  the log's SHA-256 is {again.log_sha256}, {standing.stated_sha256} is stated")
        return True
    if not other:
        print("  scored again: the same")
    return bool(other)
