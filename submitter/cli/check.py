"""The command that checks a submission, on a terminal or as a gate in CI, with one or more report formats."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli import complete
from submitter.cli.say import detail, say
from submitter.errors import InputError, os_reason, os_remedy

if TYPE_CHECKING:
    from submitter.checker import Report
    from submitter.cli.settings import CheckSettings
    from submitter.submission import OpenSubmission

_REPORTERS = "submitter.checker.reporters"


def check(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A submission, a folder in one, or an archive.")],
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="The round whose rules apply; by default detected by the seeds.",
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="full|official",
            autocompletion=complete.profiles,
            help="full, the default: all rules. official: only those that the round's official checker enforces.",
        ),
    ] = None,
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME[=FILE]",
            autocompletion=complete.formats,
            help="text (the default), json, sarif, junit, github, csv, markdown; repeatable.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the report here instead of to stdout.")
    ] = None,
    select: Annotated[
        list[str] | None,
        typer.Option(
            metavar="RULE",
            autocompletion=complete.selectors,
            help="Apply only these rules: ids, or prefixes of ids; repeatable.",
        ),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="RULE", autocompletion=complete.selectors, help="Leave out these rules; repeatable."),
    ] = None,
    waive: Annotated[
        list[str] | None,
        typer.Option(
            metavar='RULE="REASON"',
            autocompletion=complete.rule_ids,
            help="Do not fail because of this rule, for this reason; repeatable.",
        ),
    ] = None,
    submitter: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Check only this submitter's results; repeatable.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(
            metavar="SEVERITY",
            autocompletion=complete.severities,
            help="The lowest severity that exits with 1: error (the default), warning, note; or never.",
        ),
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Sort into right, wrong and missing; fail only by wrong.")
    ] = False,
    jobs: Annotated[int | None, typer.Option(help="Number of processes; by default one per CPU.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Take settings from this file; by default from submitter.toml or pyproject.toml in the working folder"
            " or, in a git repository, above it. Options replace them.",
        ),
    ] = None,
    no_config: Annotated[bool, typer.Option("--no-config", help="Take no settings from a file.")] = False,
) -> None:
    """Check a submission by the rules of its round."""
    from submitter import checker, plugins
    from submitter.checker.finding import Severity
    from submitter.checker.registry import PROFILES
    from submitter.cli.settings import NEVER, SEVERITIES
    from submitter.quoting import printable
    from submitter.rulebook import load_rulebook
    from submitter.submission import opened_until_done

    outputs = _outputs(formats or ["text"], output)
    settings = _settings(config, no_config)
    severity = fail_on or settings.fail_on
    plugins.require(severity, SEVERITIES, "severity")
    plugins.require(profile or settings.profile, PROFILES, "profile")
    began_s = time.monotonic()
    waivers = _waivers(waive) if waive else settings.waive
    book = load_rulebook(name) if (name := round_name or settings.round) else None
    with opened_until_done(path, book) as opened:
        report = checker.check(
            opened,
            select=select or settings.select,
            ignore=ignore or settings.ignore,
            waive=waivers,
            profile=profile or settings.profile,
            submitters=submitter or (),
            jobs=jobs,
            fail_on=None if severity == NEVER else Severity(severity),
            partial=partial,
        )
    if book is None:  # not before: wrong input needs no round
        say(f"the rules of round {opened.book.name} apply{_votes(opened)} (--round selects another)")
    for name, file in outputs:
        if file is None:
            sys.stdout.write(render(report, name, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ))
        else:
            _write(file, render(report, name))
    for skip in report.skipped:
        detail(f"{skip.rule} was not applied to {printable(skip.path)}: {printable(skip.because)}")
    detail(f"{report.summary['rules']} rules on {report.summary['files']} files: {time.monotonic() - began_s:.1f} s")
    raise typer.Exit(report.exit_code)


def _votes(opened: OpenSubmission) -> str:
    """How many logs have the seeds of which round, if not all have those of one round."""
    chosen = opened.book.name
    others = {name: count for name, count in opened.logs_by_round.items() if name != chosen}
    if not others:
        return ""
    said = ", ".join(f"{count} those of {name}" for name, count in others.items())
    total = sum(opened.logs_by_round.values())
    return f", but the logs disagree: of {total}, {opened.logs_by_round[chosen]} have its seeds, {said}"


def _settings(config: Path | None, no_config: bool) -> CheckSettings:
    """The settings of the file that is named or found, which a line says; else the defaults."""
    from submitter.cli.settings import CheckSettings, find_settings, read_settings

    if config is not None and no_config:
        raise InputError("--config and --no-config contradict each other", "give one of them")
    found = None if no_config else (config, read_settings(config)) if config else find_settings()
    if found is None:
        return CheckSettings()
    file, settings = found
    say(f"{file} sets {', '.join(settings.names) or 'nothing'} (--no-config leaves it out)")
    return settings


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


def _waivers(waive: list[str]) -> dict[str, str]:
    """The reasons of the `--waive` options, by rule id."""
    reasons: dict[str, str] = {}
    for waiver in waive:
        rule, _, reason = waiver.partition("=")
        if not reason.strip():
            raise InputError(f"the waiver of {rule} has no reason", f'write --waive {rule}="the reason"')
        reasons[rule] = reason.strip()
    return reasons
