"""The command that explains LoadGen's verdict on a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from submitter.cli import complete
from submitter.errors import InputError

if TYPE_CHECKING:
    from submitter.insight.explain import Explanation

_FORMATS = ("text", "json")


def explain(
    run: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="The folder of a run or a result, or any folder with LoadGen's logs."),
    ],
    round_name: Annotated[
        str | None,
        typer.Option(
            "--round",
            autocompletion=complete.rounds,
            help="Its round; by default as recorded, or detected by the seeds.",
        ),
    ] = None,
    format: Annotated[
        str,
        typer.Option(metavar="text|json", autocompletion=lambda: list(_FORMATS), help="How to show it."),
    ] = "text",
) -> int:
    """Show why a run is INVALID and what would pass, or with how much headroom it is VALID."""
    from submitter import plugins
    from submitter.insight.explain import explain as explain_log
    from submitter.insight.find_run import find_run

    plugins.require(format, _FORMATS, "format")
    found = find_run(run, round_name)
    try:
        explanation = explain_log(found.log, found.requirements)
    except ValueError as error:
        raise InputError(f"{found.folder}: the log {error}") from None
    if format == "json":
        print(_json(explanation, found.about))
    else:
        print("\n".join(_text(explanation, found.about or str(found.folder))))
    return 0 if explanation.valid else 1


def _json(explanation: Explanation, about: str) -> str:
    import json

    conditions = [
        {"name": c.name, "met": c.met, "figures": list(c.figures), "advice": list(c.advice)}
        for c in explanation.conditions
    ]
    document = {
        "about": about,
        "verdict": explanation.verdict,
        "scenario": explanation.scenario,
        "conditions": conditions,
        "advice": list(explanation.advice),
    }
    return json.dumps(document, indent=2)


def _text(explanation: Explanation, about: str) -> list[str]:
    from submitter.quoting import shown

    verdict = explanation.verdict if explanation.verdict in ("VALID", "INVALID") else shown(explanation.verdict)
    names = " and ".join(condition.name for condition in explanation.failed)
    why = "" if not names else f", but it fails {names}" if verdict == "VALID" else f" because of {names}"
    lines = [about, f"LoadGen calls this {explanation.scenario} run {verdict}{why}.", ""]
    for condition in explanation.conditions:
        mark = "✓" if condition.met else "✗"
        lines.append(f"  {mark} {condition.name:<24} {condition.figures[0]}")
        lines += [f"    {'':<24} {line}" for line in condition.figures[1:]]
    advice = [line for condition in explanation.failed for line in condition.advice] + list(explanation.advice)
    return [*lines, "", "What would pass:", *(f"  {line}" for line in advice)] if advice else lines
