"""The commands that judge: `check`, on a terminal or as a gate, in as many formats as one asks for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli.say import say
from submitter.errors import InputError

if TYPE_CHECKING:
    from submitter.checker import Report

_REPORTERS = "submitter.checker.reporters"
_NEVER = "never"


def check(
    path: Annotated[Path, typer.Argument(help="A submission tree, or a folder inside one.")],
    round_name: Annotated[
        str | None, typer.Option("--round", help="The round whose rules judge it; by default the one of its seeds.")
    ] = None,
    profile: Annotated[
        str, typer.Option(help="full: all rules. official: only what the round's official checker enforces.")
    ] = "full",
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format", metavar="NAME[=FILE]", help="text, json, sarif, junit, github, csv, markdown; repeatable."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the report here instead of to stdout.")] = None,
    select: Annotated[list[str] | None, typer.Option(help="Only these rules: an id, or the beginning of ids.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Not these rules.")] = None,
    waive: Annotated[
        list[str] | None, typer.Option(metavar='ID="REASON"', help="This rule need not hold here, and why.")
    ] = None,
    submitter: Annotated[list[str] | None, typer.Option(help="Only this submitter's results.")] = None,
    fail_on: Annotated[str, typer.Option(help="Exit with 1 from here on: error, warning, note, never.")] = "error",
    partial: Annotated[bool, typer.Option("--partial", help="Sort into right, wrong, missing; fail by wrong.")] = False,
    jobs: Annotated[int | None, typer.Option(help="How many processes; by default one a CPU.")] = None,
) -> None:
    """Judge a submission tree by the rules of its round."""
    from submitter import checker, plugins
    from submitter.checker.finding import Severity
    from submitter.rulebook import load_rulebook
    from submitter.submission import open_submission

    outputs = _outputs(formats or ["text"], output)
    thresholds = {**{severity.value: severity for severity in Severity}, _NEVER: None}
    plugins.require(fail_on, thresholds, "severity")
    opened = open_submission(path, load_rulebook(round_name) if round_name else None)
    if round_name is None:
        say(f"judged by the rules of round {opened.book.name} (--round names another)")
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
    """A report in a format; `colour` is for terminals."""
    from submitter import plugins

    text: str = plugins.load(_REPORTERS, name, "format").render(report, colour=colour)
    return text


def _outputs(formats: list[str], output: Path | None) -> list[tuple[str, Path | None]]:
    """Each format with the file it goes to, None for stdout."""
    from submitter import plugins

    known = plugins.names(_REPORTERS)
    outputs: list[tuple[str, Path | None]] = []
    for wanted in formats:
        name, _, file = wanted.partition("=")
        plugins.require(name, known, "format")
        outputs.append((name, Path(file) if file else None))
    if output is not None:
        if len(outputs) > 1:
            raise InputError("--output is for one format", "name a file for each: --format sarif=report.sarif")
        outputs = [(outputs[0][0], output)]
    for _, target in outputs:
        if target is not None and not target.absolute().parent.is_dir():
            raise InputError(
                f"there is no folder {target.absolute().parent} to write {target.name} to", "make it first"
            )
    if [target for _, target in outputs].count(None) > 1:
        raise InputError("only one format can go to stdout", "name files for the others: --format sarif=report.sarif")
    return outputs


def _write(file: Path, text: str) -> None:
    from submitter.record import write_atomically

    try:
        if file.exists() and not file.is_file():  # a pipe or a terminal cannot be replaced
            file.write_text(text, "utf-8")
        else:
            write_atomically(file, text.encode())
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}", "name another file") from None


def _waivers(waive: list[str] | tuple[str, ...]) -> dict[str, str]:
    """Reasons by rule id."""
    reasons: dict[str, str] = {}
    for waiver in waive:
        rule, _, reason = waiver.partition("=")
        if not reason.strip():
            raise InputError(f"the waiver of {rule} gives no reason", f'write --waive {rule}="why it need not hold"')
        reasons[rule] = reason.strip()
    return reasons
