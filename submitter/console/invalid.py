"""Says in one line why LoadGen calls a run INVALID, and which command says more."""

from __future__ import annotations

from pathlib import Path


def why_invalid(folder: Path) -> str:
    """What to say of the run in this folder, beginning with its verdict."""
    import shlex

    command = f"submitter explain {shlex.quote(short_path(folder))}"
    return f"INVALID{_reason(folder)}; more: {command}"


def _reason(folder: Path) -> str:
    """The conditions that are not met, and the figure of the first; empty if the log does not show them."""
    from submitter.insight.explain import explain
    from submitter.layout import DETAIL_LOG
    from submitter.logs import LogFormatError, read_detail

    try:
        failed = explain(read_detail(folder / DETAIL_LOG)).failed
    except (OSError, LogFormatError, ValueError):
        return ""
    if not failed:
        return ""
    figures = failed[0].figures
    figure = next((figure for figure in figures if figure.endswith(" over")), figures[0])
    return f" because of {' and '.join(condition.name for condition in failed)}: {figure}"


def short_path(path: Path) -> str:
    """The path from the current folder on, if it is inside it; else the whole path."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
