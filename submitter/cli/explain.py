"""The command that explains a verdict of LoadGen's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.errors import InputError

if TYPE_CHECKING:
    from submitter.insight.explain import Explanation

_FORMATS = ("text", "json")


def explain(
    run: Annotated[Path, typer.Argument(help="A run's folder, a result's, or one with LoadGen's logs.")],
    round_name: Annotated[str | None, typer.Option("--round", help="Its round; by default the log's own.")] = None,
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> int:
    """Say why a run is INVALID and what would pass, or with how much headroom it is VALID."""
    from submitter import plugins
    from submitter.insight.explain import explain as explain_log
    from submitter.insight.find_run import find_run

    plugins.require(format, _FORMATS, "format")
    found = find_run(run, round_name)
    try:
        explanation = explain_log(found.log, found.demands)
    except ValueError as error:
        raise InputError(f"{found.folder}: the log {error}") from None
    if format == "json":
        print(_json(explanation, found.about))
    else:
        print("\n".join(_text(explanation, found.about or str(found.folder))))
    return 0 if explanation.valid else 1


def _json(explanation: Explanation, about: str) -> str:
    import json
    from dataclasses import asdict

    return json.dumps({"about": about, **asdict(explanation)}, indent=2)


def _text(explanation: Explanation, about: str) -> list[str]:
    from submitter.quoting import shown

    verdict = explanation.verdict if explanation.verdict in ("VALID", "INVALID") else shown(explanation.verdict)
    names = " and ".join(condition.name for condition in explanation.failed)
    why = "" if not names else f", but it fails {names}" if verdict == "VALID" else f" because of {names}"
    lines = [about, f"LoadGen calls this {explanation.scenario} run {verdict}{why}.", ""]
    for condition in explanation.conditions:
        mark = "✓" if condition.met else "✗"
        lines.append(f"  {mark} {condition.name:<24} {condition.told[0]}")
        lines += [f"    {'':<24} {part}" for part in condition.told[1:]]
    advice = [part for condition in explanation.failed for part in condition.advice] + list(explanation.advice)
    return [*lines, "", "What would pass:", *(f"  {part}" for part in advice)] if advice else lines
