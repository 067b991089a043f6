"""The command line: the only package that prints or exits. Each command imports what it needs when it runs.

Exit codes: 0 nothing is wrong, 1 there are findings, 2 wrong input, 3 something is not installed, 4 a run failed,
70 internal error, 130 interrupted by SIGINT (Ctrl-C), 143 by SIGTERM.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from submitter.cli import usage, verbosity
from submitter.cli.campaign import assemble, run, run_all
from submitter.cli.campaign_log import LoggedCommand, log_path, log_traceback, logged
from submitter.cli.check import check
from submitter.cli.clean import clean
from submitter.cli.dataset import dataset
from submitter.cli.doctor import doctor
from submitter.cli.examples import examples
from submitter.cli.explain import explain
from submitter.cli.help import Command, Commands
from submitter.cli.init import init
from submitter.cli.interruption import INTERRUPTION
from submitter.cli.node import node
from submitter.cli.package import package
from submitter.cli.plan import plan, templates
from submitter.cli.rules import rules
from submitter.cli.runs import runs
from submitter.cli.say import accept_every_character, say_error
from submitter.cli.score import score
from submitter.cli.setup import describe_system, quantize
from submitter.cli.slurm import slurm
from submitter.cli.tune import tune
from submitter.cli.unpack import unpack
from submitter.errors import InputError, RunError, SeveralErrors, SubmitterError, from_os_error
from submitter.version import VERSION

app = typer.Typer(
    cls=Commands,
    help="MLPerf Inference submissions for language models: run, score, assemble and check them.",
    epilog=examples(""),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
_PROGRAM = "submitter"  # also as `python -m submitter.cli`
_INTERNAL_ERROR, _INTERRUPTED = 70, 130


def _version(is_requested: bool) -> None:
    if is_requested:
        print(f"submitter {VERSION}")
        raise typer.Exit


@app.callback()
def _top(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    quiet: verbosity.Quiet = False,
    verbose: verbosity.Verbose = False,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ["SUBMITTER_DEBUG"] = "1"


_COMMANDS: dict[str, Callable[..., object]] = {
    "doctor": doctor,
    "init": init,
    "run-all": run_all,
    "templates": templates,
    "plan": plan,
    "tune": tune,
    "run": run,
    "node": node,
    "slurm": slurm,
    "score": score,
    "assemble": assemble,
    "check": check,
    "package": package,
    "unpack": unpack,
    "runs": runs,
    "clean": clean,
    "explain": explain,
    "rules": rules,
    "describe-system": describe_system,
    "quantize": quantize,
}
# Not `node`: on a shared file system, lines of several machines would overwrite each other.
_LOGGED = ("run-all", "tune", "run", "score", "assemble", "package", "clean")
for _name, _command in _COMMANDS.items():
    app.command(_name, cls=LoggedCommand if _name in _LOGGED else Command, epilog=examples(_name))(_command)
app.add_typer(dataset, name="dataset")


@logged()
def main() -> None:
    """The entry point. An error is printed as one line and a hint, with a traceback only under --debug."""
    accept_every_character()
    verbosity.show_as_usual()
    INTERRUPTION.handle()
    try:
        code = _invoked()
        sys.exit(code if isinstance(code, int) else 0)
    except SubmitterError as error:
        _show(error)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        say_error("\nsubmitter: interrupted; finished runs are kept, the current one is discarded")
        _name_log()
        sys.exit(INTERRUPTION.exit_code)
    except typer.TyperException as error:  # a wrong option or argument
        say_error(usage.shown(error))
        sys.exit(InputError.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        refused = from_os_error(error)
        _show(refused)
        sys.exit(refused.exit_code)
    except Exception as error:
        if os.environ.get("SUBMITTER_DEBUG"):
            raise
        log_traceback()
        hint = (
            f"report the traceback in {log}"
            if (log := log_path())
            else "run it again with --debug and report the traceback"
        )
        say_error(f"submitter: internal error: {type(error).__name__}: {error}\n  {hint}")
        sys.exit(_INTERNAL_ERROR)


def _invoked() -> object:
    """Run the command; returns its exit code, if it has one. After a signal any error is KeyboardInterrupt."""
    try:
        code = app(standalone_mode=False, prog_name=_PROGRAM)
    except Exception:
        INTERRUPTION.raise_if_lost()
        raise
    if code == _INTERRUPTED:  # typer returns this for a KeyboardInterrupt
        raise KeyboardInterrupt
    return code


def _show(error: SubmitterError) -> None:
    """Print each problem as a line, and its hint as another; raise the error that is handled under --debug."""
    if os.environ.get("SUBMITTER_DEBUG"):
        raise
    problems = error.problems if isinstance(error, SeveralErrors) and not error.are_reported else (error,)
    for problem in problems:
        say_error(f"submitter: {problem.message}" + (f"\n  {problem.hint}" if problem.hint else ""))
    if error.exit_code == RunError.exit_code:
        _name_log()


def _name_log() -> None:
    if log := log_path():
        say_error(f"  everything that this command said is in {log}")
