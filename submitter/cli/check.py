"""The command that checks a submission, on a terminal or as a gate in CI, with one or more report formats."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.errors import InputError, os_reason, os_remedy

if TYPE_CHECKING:
    from submitter.checker import Report

_REPORTERS = "submitter.checker.reporters"
_NEVER = "never"


def check(
    path: Annotated[Path, typer.Argument(help="A submission, or a folder in one.")],
    round_name: Annotated[
        str | None, typer.Option("--round", help="The round whose rules apply; by default detected by the seeds.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="full: all rules. official: only those that the round's official checker enforces.")
    ] = "full",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="NAME[=FILE]", help="text, json, sarif, junit, github, csv, markdown; repeatable."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report here instead of to stdout.")] = None,
    select: Annotated[list[str] | None, typer.Option(help="Apply only these rules: ids, or prefixes of ids.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Leave out these rules.")] = None,
    waive: Annotated[
        list[str] | None, typer.Option(metavar='ID="REASON"', help="Do not fail because of this rule, for this reason.")
    ] = None,
    submitter: Annotated[list[str] | None, typer.Option(help="Check only this submitter's results.")] = None,
    fail_on: Annotated[
        str, typer.Option(help="The lowest severity that exits with 1: error, warning, note, never.")
    ] = "error",
    partial: Annotated[
        bool, typer.Option("--partial", help="Sort into right, wrong and missing; fail only by wrong.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Number of processes; by default one per CPU.")] = None,
) -> None:
    """Check a submission by the rules of its round."""
    from submitter import checker, plugins
    from submitter.checker.finding import Severity
    from submitter.rulebook import load_rulebook
    from submitter.submission import open_submission

    outputs = _outputs(formats or ["text"], output)
    thresholds = {**{severity.value: severity for severity in Severity}, _NEVER: None}
    plugins.require(fail_on, thresholds, "severity")
    opened = open_submission(path, load_rulebook(round_name) if round_name else None)
    if round_name is None:
        say(f"the rules of round {opened.book.name} apply (--round selects another)")
    report = checker.check(
        opened,
        select=select or (),
        ignore=ignore or (),
        waive=_waivers(waive or ()),
        profile=profile,
        submitters=submitter or (),
        jobs=jobs,
        fail_on=thresholds[fail_on],
        partial=partial,
    )
    for name, file in outputs:
        if file is None:
            sys.stdout.write(render(report, name, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
        else:
            _write(file, render(report, name))
    raise typer.Exit(report.exit_code)


def render(report: Report, name: str, *, colour: bool = False) -> str:
    """The report as text in the format `name`; `colour` is for terminals."""
    from submitter import plugins

    text: str = plugins.load(_REPORTERS, name, "format").render(report, colour=colour)
    return text


def _outputs(formats: list[str], output: Path | None) -> list[tuple[str, Path | None]]:
    """Each format with the file that it is written to, None for stdout."""
    from submitter import plugins

    known = plugins.names(_REPORTERS)
    outputs: list[tuple[str, Path | None]] = []
    for option in formats:
        name, _, file = option.partition("=")
        plugins.require(name, known, "format")
        outputs.append((name, Path(file) if file else None))
    if output is not None:
        if len(outputs) > 1:
            raise InputError("--output works with one format only", "give a file for each: --format sarif=report.sarif")
        outputs = [(outputs[0][0], output)]
    for _, target in outputs:
        if target is not None and not target.absolute().parent.is_dir():
            raise InputError(
                f"there is no folder {target.absolute().parent} to write {target.name} to", "create it first"
            )
    if [target for _, target in outputs].count(None) > 1:
        raise InputError("only one format can go to stdout", "give files for the others: --format sarif=report.sarif")
    return outputs


def _write(file: Path, text: str) -> None:
    from submitter.record import write_atomically

    try:
        if file.exists() and not file.is_file():  # a pipe or a terminal cannot be replaced
            file.write_text(text, "utf-8")
        else:
            write_atomically(file, text.encode())
    except OSError as error:
        raise InputError(f"{file} cannot be written: {os_reason(error)}", os_remedy(error)) from None


def _waivers(waive: list[str] | tuple[str, ...]) -> dict[str, str]:
    """The reasons of the `--waive` options, by rule id."""
    reasons: dict[str, str] = {}
    for waiver in waive:
        rule, _, reason = waiver.partition("=")
        if not reason.strip():
            raise InputError(f"the waiver of {rule} has no reason", f'write --waive {rule}="the reason"')
        reasons[rule] = reason.strip()
    return reasons
