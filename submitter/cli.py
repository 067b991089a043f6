"""The command line: the only module that prints or exits. Every command imports what it needs when it runs.

Exit codes: 0 nothing wrong, 1 findings, 2 wrong input, 3 something is not installed, 4 a run failed, 70 an internal
error, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter import __version__
from submitter.errors import InputError, RunError, SubmitterError
from submitter.model import Mode, Scenario

if TYPE_CHECKING:
    from submitter.campaign import CampaignPlan
    from submitter.checker import Report

app = typer.Typer(
    help="MLPerf Inference submissions for language models: run, score, assemble and check them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_INTERNAL_ERROR, _INTERRUPTED = 70, 130

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.toml", help="What to run, on what, for which round.")]
Rerun = Annotated[bool, typer.Option(help="Make runs again that have finished before.")]


def _version(asked: bool) -> None:
    if asked:
        print(f"submitter {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    if debug:
        os.environ["SUBMITTER_DEBUG"] = "1"


@app.command("run-all")
def run_all(campaign: CampaignFile, rerun: Rerun = False) -> None:
    """Plan, preflight, run, score, assemble and check a whole campaign."""
    from submitter import campaign as c

    plan = c.make_plan(c.load_campaign(campaign))
    with c.locked(plan):
        _show_plan(plan)
        _preflight(plan)
        _runs(plan, rerun, None, None)
        _scores(plan)
        tree = c.do_assembly(plan)
        _say(f"assembled {tree}")
        report = _checked(tree, plan.book.name)
    print(_render(report, "text"))
    _closing_table(plan)
    raise typer.Exit(report.exit_code)


@app.command()
def plan(campaign: CampaignFile) -> None:
    """Show what run-all would do, without doing it."""
    from submitter import campaign as c

    made = c.make_plan(c.load_campaign(campaign))
    _show_plan(made)
    _preflight(made)


@app.command()
def run(
    campaign: CampaignFile,
    scenario: Annotated[Scenario, typer.Option(help="The scenario to run.")],
    mode: Annotated[Mode, typer.Option(help="The kind of run.")] = Mode.PERFORMANCE,
    rerun: Rerun = False,
) -> None:
    """Make one run of a campaign."""
    from submitter import campaign as c

    made = c.make_plan(c.load_campaign(campaign))
    with c.locked(made):
        _preflight(made)
        _runs(made, rerun, scenario, mode)


@app.command()
def score(campaign: CampaignFile) -> None:
    """Score the accuracy runs and verify the compliance runs that a campaign has made."""
    from submitter import campaign as c

    _scores(c.make_plan(c.load_campaign(campaign)))


@app.command()
def assemble(campaign: CampaignFile) -> None:
    """Lay out the submission tree from a campaign's finished and scored runs."""
    from submitter import campaign as c

    made = c.make_plan(c.load_campaign(campaign))
    with c.locked(made):
        print(c.do_assembly(made))


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A submission tree, or a folder inside one.")],
    round_name: Annotated[str, typer.Option("--round", help="The round whose rules judge it.")] = "v6.1",
    report_format: Annotated[str, typer.Option("--format", help="How to print the report.")] = "text",
    select: Annotated[list[str] | None, typer.Option(help="Only these rules: an id, or the beginning of ids.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Not these rules.")] = None,
) -> None:
    """Judge a submission tree by the rules of its round."""
    from submitter import plugins

    plugins.require(report_format, plugins.names("submitter.checker.reporters"), "format")
    report = _checked(path, round_name, select or (), ignore or ())
    print(_render(report, report_format))
    raise typer.Exit(report.exit_code)


@app.command("describe-system")
def describe_system(
    base: Annotated[Path | None, typer.Argument(help="A JSON file with what only a person knows.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write the description here instead of to stdout.")] = None,
) -> None:
    """Fill a system description from this host; says which fields only a person can fill."""
    import json

    from submitter import record, system

    person = {} if base is None else system.read(base)
    description = system.complete(person, system.describe())
    if output is None:
        print(json.dumps(description, indent=2))
    else:
        record.write_json_atomically(output, description)
    missing = system.missing(description)
    if missing:
        raise InputError(f"only a person knows: {', '.join(missing)}", "put them into a JSON file and give it as BASE")
    system.validate(description)


@app.command()
def quantize(
    source: Annotated[Path, typer.Argument(help="A bf16, fp16 or fp32 checkpoint.")],
    target: Annotated[Path, typer.Argument(help="The folder to make.")],
) -> None:
    """Make an FP8 checkpoint with 128x128 block weights, which vLLM reads."""
    from submitter import quantize as q

    made = q.quantize(source, target)
    print(f"{target}: {made}")


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _show_plan(plan: CampaignPlan) -> None:
    from submitter.console import duration, table

    campaign = plan.campaign
    if campaign.smoke:
        _say("SMOKE RUN: short, for practice. What it makes is no submission.\n")
    rows: list[tuple[str, ...]] = [("benchmark", "run", "samples", "about")]
    for benchmark, _, run in plan.runs:
        rows.append((benchmark.table.name, run.label, f"{run.expected_samples:,}", duration(run.expected_s)))
    _say(f"round {plan.book.name}, {campaign.division}, {campaign.submitter}, {campaign.system.id}\n\n{table(rows)}")
    _say(f"\nabout {duration(plan.expected_s)} at the target rates, scoring and assembly included\n")


def _preflight(plan: CampaignPlan) -> None:
    """Ask all questions, show all answers, and go no further if one is bad."""
    from submitter import campaign as c

    wrong: list[SubmitterError] = []
    for outcome in c.preflight(plan):
        if isinstance(outcome, c.Passed):
            _say(f"preflight ok     {outcome.question}: {outcome.answer}")
        else:
            _say(f"preflight WRONG  {outcome.message}" + (f"\n                 {outcome.hint}" if outcome.hint else ""))
            wrong.append(outcome)
    if wrong:
        many = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise type(wrong[0])(f"nothing was run: {wrong[0].message}{many}", wrong[0].hint)
    _say("")


def _runs(plan: CampaignPlan, rerun: bool, scenario: Scenario | None, mode: Mode | None) -> None:
    from submitter import campaign as c
    from submitter.console import ConsoleWatcher

    watcher = ConsoleWatcher(sys.stderr, [run for _, _, run in plan.runs])
    c.do_runs(plan, watcher, rerun=rerun, only=(scenario, mode))
    _say("")


def _scores(plan: CampaignPlan) -> None:
    from submitter import campaign as c

    for benchmark, scenario, metrics in c.do_scores(plan):
        told = []
        for name, value in metrics.items():
            target = benchmark.accuracy_target.get(name)
            told.append(f"{name} {value:g}" + (f" (at least {target:.4f})" if target is not None else ""))
        _say(f"scored {benchmark.table.name} {scenario}: {', '.join(told)}")


def _checked(path: Path, round_name: str, select: object = (), ignore: object = ()) -> Report:
    from submitter import checker
    from submitter.rulebook import load_rulebook

    return checker.check(path, load_rulebook(round_name), select=select, ignore=ignore)  # type: ignore[arg-type]


def _render(report: Report, report_format: str) -> str:
    from submitter import plugins

    reporter = plugins.load("submitter.checker.reporters", report_format, "format")
    text: str = reporter.render(report, colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    return text


def _closing_table(plan: CampaignPlan) -> None:
    """One row a run: what it measured, from the records."""
    from submitter.console import duration, table
    from submitter.record import read_record

    rows: list[tuple[str, ...]] = [("benchmark", "scenario", "run", "samples", "time", "result", "")]
    for benchmark, _, run in plan.runs:
        record = read_record(run.folder)
        metric = f"{record.metric.value:,.2f} {record.metric.unit}" if record.metric else ""
        verdict = "" if run.mode is not Mode.PERFORMANCE else "VALID" if record.valid else "INVALID"
        rows.append(
            (
                benchmark.table.name,
                run.scenario,
                run.mode,
                f"{record.sample_count:,}",
                duration(record.duration_s),
                metric,
                verdict,
            )
        )
    print(f"\n{table(rows)}")


def main() -> None:
    """The entry point: every error is one line and a remedy; a traceback only with --debug."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = app(standalone_mode=False)
        if code == _INTERRUPTED:  # typer's own word for a KeyboardInterrupt
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except SubmitterError as error:
        if os.environ.get("SUBMITTER_DEBUG"):
            raise
        _say(f"submitter: {error.message}" + (f"\n  {error.hint}" if error.hint else ""))
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        _say("\nsubmitter: interrupted; finished runs are kept, the one under way left nothing")
        sys.exit(_INTERRUPTED)
    except typer.TyperException as error:  # a wrong option or argument
        _say(f"submitter: {error.format_message()}\n  see submitter --help")
        sys.exit(InputError.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("SUBMITTER_DEBUG"):
            raise
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            where = f" at {error.filename}" if error.filename else ""
            _say(f"submitter: the disk is full{where}\n  free some space and run it again: finished runs are kept")
            sys.exit(RunError.exit_code)
        _say(
            f"submitter: internal error: {type(error).__name__}: {error}\n"
            "  run it again with --debug and report what it says"
        )
        sys.exit(_INTERNAL_ERROR)


if __name__ == "__main__":
    main()
