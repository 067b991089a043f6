"""Mistakes in what is typed."""

from __future__ import annotations

from mistakes.edits import nothing
from mistakes.record import Base, Mistake, Stage


def _typed(name: str, what: str, words: str, message: str, remedy: str = "", base: Base = Base.READY) -> Mistake:
    return Mistake(
        id=f"typed-{name}",
        what=what,
        make=nothing,
        base=base,
        stage=Stage.COMMAND_LINE,
        command=tuple(words.split()),
        message=message,
        remedy=remedy,
    )


MISTAKES = (
    _typed("command", "a misspelt command", "chek {folder}", "chek", "check"),
    _typed("option", "a misspelt option", "check --rond v6.1 {folder}", "--rond", "--round"),
    _typed("nothing", "no campaign", "plan", "CAMPAIGN", "submitter plan --help"),
    _typed(
        "scenario",
        "a scenario in lower case",
        "run {file} --scenario offline",
        "offline",
        "Offline",
        base=Base.REHEARSAL,
    ),
    _typed(
        "absent-scenario",
        "a scenario that the campaign does not have",
        "run {file} --scenario Interactive",
        "the campaign has no run Interactive",
        "it has: Offline performance",
        base=Base.REHEARSAL,
    ),
    _typed(
        "absent-test",
        "a compliance test that the benchmark does not have",
        "run {file} --scenario Offline --mode TEST07",
        "the campaign has no run Offline TEST07",
        "it has: Offline performance",
        base=Base.REHEARSAL,
    ),
    _typed("budget", "a time with its unit in words", "tune {file} --scenario Server --budget 1hour", "'1hour'", "60m"),
    _typed("tune-offline", "tune for Offline, which has no limits", "tune {file} --scenario Offline", "Offline"),
    _typed("checked-path", "check of a misspelt path", "check {folder}/submision", "submision"),
    _typed("checked-no-tree", "check of a folder that is not a submission", "check {model}", "model"),
    _typed("checked-round", "check by an unknown round", "check {model} --round v9.9", "v9.9", "known: "),
    _typed("format", "a misspelt format", "check {model} --format jsn", "jsn", "did you mean 'json'?"),
    _typed("severity", "a misspelt severity", "check {model} --fail-on warn", "warn", "did you mean 'warning'?"),
    _typed("profile", "a misspelt profile", "check {model} --profile offical", "offical", "did you mean 'official'?"),
    _typed(
        "waiver",
        "a waiver without a reason",
        "check {model} --round v6.1 --waive PRF006=",
        "the waiver of PRF006 has no reason",
        '--waive PRF006="the reason"',
    ),
    _typed(
        "report",
        "a report into a folder that is not there",
        "check {model} --round v6.1 --format json={folder}/none/report.json",
        "none",
        "create it first",
    ),
    _typed("rules", "rules of an unknown round", "rules --round v9.9", "v9.9", "known: "),
    _typed("assembled-round", "a tree for an unknown round", "assemble {file} --round v9.9", "v9.9", "known"),
    _typed("explain", "explain of a folder without logs", "explain {model}", "model"),
)
