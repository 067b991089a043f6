"""Wrong use of the command line in words: which command, what is wrong with it, and what it takes."""

from __future__ import annotations

import errno
import re
from typing import Any

import typer

from submitter.cli.help import choices
from submitter.errors import os_remedy
from submitter.plugins import did_you_mean


def shown(error: typer.TyperException) -> str:
    """The lines for an error of the parser: what is wrong, then what to do and the help to look at.

    If only a command is missing, its help is shown.
    """
    context: Any = getattr(error, "ctx", None)
    if context is None:
        return f"submitter: {_sentence(error.format_message())}\n  see submitter --help"
    if error.message == context.get_help():
        return error.message
    message, hint = _explained(error, context)
    lines = [f"{context.command_path}: {message}", *([hint] if hint else []), f"see {context.command_path} --help"]
    return "\n  ".join(lines)


def _explained(error: Any, context: Any) -> tuple[str, str]:
    """What is wrong, and the hint. Typer's classes of errors are private; their attributes tell them apart."""
    options = {
        name: param for param in context.command.get_params(context) for name in (*param.opts, *param.secondary_opts)
    }
    if hasattr(error, "possibilities"):  # an unknown option
        known = [name for name in options if name.startswith("-")]
        return f"no such option {error.option_name}", did_you_mean(error.option_name, known)
    if hasattr(error, "option_name"):  # an option without its value, or a flag with one
        name, option = error.option_name, options[error.option_name]
        usage = "" if option.is_flag else f"usage: {name} {option.metavar}"
        return _sentence(error.message.replace(f"Option '{name}'", name)), usage
    param = getattr(error, "param", None)
    if param is None:
        message, _, hint = error.message.partition("\n")
        return _sentence(message), hint or _usage(context)
    is_argument = param.param_type_name == "argument"
    name = param.metavar if is_argument else param.opts[0]
    if hasattr(error, "param_type"):  # missing
        return f"{name} is missing", _usage(context) if is_argument else f"give {_sentence(param.help)}"
    if choice := re.search(r"""(['"])(.*)\1 is not one of""", error.message):
        return f"{name}: unknown value '{choice[2]}'", did_you_mean(choice[2], choices(param))
    hint = os_remedy(PermissionError(errno.EACCES, "")) if error.message.endswith("is not readable.") else ""
    return f"{name} {_sentence(error.message.removeprefix('Input ').partition(',')[0])}", hint


def _usage(context: Any) -> str:
    return _sentence(" ".join(context.get_usage().split()))


def _sentence(text: str) -> str:
    """As our messages are: without a capital at the beginning and a full stop at the end."""
    return (text[:1].lower() + text[1:]).rstrip(".")
