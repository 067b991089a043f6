"""Mistakes on the way from a bare machine to a campaign: `init` and `describe-system`."""

from __future__ import annotations

from mistakes.edits import nothing, write
from mistakes.record import Base, Mistake, Stage


def _init(name: str, what: str, option: str, value: str, message: str, remedy: str) -> Mistake:
    return Mistake(
        id=f"init-{name}",
        what=what,
        make=nothing,
        stage=Stage.INIT,
        command=("init", "{folder}/new", "--no-input", option, value),
        message=message,
        remedy=remedy,
    )


_NAME = "letters, digits and . _ + -"

MISTAKES = (
    _init("division", "a misspelt division", "--division", "close", "'close'", "did you mean 'closed'?"),
    _init("round", "a round that does not exist", "--round", "v6.11", "unknown round 'v6.11'", "did you mean 'v6.1'?"),
    _init(
        "benchmark",
        "a misspelt benchmark",
        "--benchmark",
        "llama2-70b-99.8",
        "'llama2-70b-99.8'",
        "did you mean 'llama2-70b-99.9'?",
    ),
    _init("scenario", "a scenario in lower case", "--scenario", "offline", "'offline'", "did you mean 'Offline'?"),
    _init("status", "a misspelt status", "--status", "availble", "'availble'", "did you mean 'available'?"),
    _init("system", "a space in the system's id", "--system-id", "8x H100", "'8x H100'", _NAME),
    _init("submitter", "a submitter that is not a folder's name", "--submitter", "A/B", "'A/B'", _NAME),
    Mistake(
        id="init-into-a-file",
        what="a file instead of the folder to write to",
        make=nothing,
        stage=Stage.INIT,
        command=("init", "{file}", "--no-input"),
        message="campaign.toml",
        also=("a part of the path is a file",),
    ),
    Mistake(
        id="init-not-writable",
        what="a folder in which the user may not write",
        base=Base.REHEARSAL,
        make=lambda made: made.documentation.chmod(0o555),
        is_unprivileged=True,
        stage=Stage.INIT,
        command=("init", "{documentation}", "--no-input"),
        message="documentation",
        also=("ermission denied",),
    ),
    Mistake(
        id="describe-missing",
        what="a base of the description that is not there",
        make=nothing,
        stage=Stage.INIT,
        command=("describe-system", "{folder}/none.json"),
        message="none.json",
    ),
    Mistake(
        id="describe-unknown-field",
        what="a misspelt field in the base of the description",
        make=write("base.json", '{"coolingg": "air"}'),
        stage=Stage.INIT,
        command=("describe-system", "{folder}/base.json"),
        message="coolingg",
        remedy="did you mean 'cooling'?",
    ),
)
