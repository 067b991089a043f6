"""The folder of a finished run, as assembly takes it: verified against its record, and the files that are submitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from submitter import layout
from submitter.errors import InputError
from submitter.layout import Layout
from submitter.logs import TRUNCATION_MARK, AccuracyText, parse_accuracy_text
from submitter.model import Mode, ResultKey
from submitter.record import RunRecord, read_scored, sha256_of
from submitter.rulebook import Rulebook

# How much the official truncate_accuracy_log.py (mlcommons/inference b66003e1) keeps at either end of a log.
TRUNCATED_BYTES = 4096


def truncated(log: Path, max_bytes: int) -> bytes:
    """An accuracy log as it is submitted: complete if it is shorter than `max_bytes`, else its beginning and end."""
    size_bytes = log.stat().st_size
    with log.open("rb") as file:
        if size_bytes < max_bytes:
            return file.read()
        head = file.read(TRUNCATED_BYTES)
        file.seek(size_bytes - TRUNCATED_BYTES)
        return head + TRUNCATION_MARK + file.read()


def run_files(grammar: Layout, book: Rulebook, key: ResultKey, mode: Mode) -> Iterator[tuple[str, PurePosixPath]]:
    """The name of each log and score of a run's folder that is submitted, and its path in the tree."""
    for name in (layout.DETAIL_LOG, layout.SUMMARY_LOG):
        yield name, grammar.run(key, mode) / name
    if mode is Mode.ACCURACY:
        yield layout.ACCURACY_TEXT, grammar.accuracy(key) / layout.ACCURACY_TEXT
        yield layout.ACCURACY_LOG, grammar.accuracy(key) / layout.ACCURACY_LOG
    elif mode.is_compliance:
        for name in book.compliance[mode].verify:
            yield name, grammar.compliance(key, mode) / name
        yield layout.ACCURACY_LOG, grammar.compliance_accuracy(key, mode) / layout.ACCURACY_LOG
    else:
        yield layout.ACCURACY_LOG, grammar.run(key, mode) / layout.ACCURACY_LOG


def kept_settings(record: RunRecord) -> list[str]:
    """The names of the settings that the run kept in its folder. An older run kept user.conf alone."""
    names = (layout.USER_CONF, layout.ENGINE_TOML)
    return [name for name in record.files if name in names or name.endswith(layout.SERVER_OPTIONS)]


def existing(path: Path) -> Path:
    """The path itself. InputError if there is no such file."""
    if not path.is_file():
        raise InputError(f"{path} is missing")
    return path


def require_unchanged(run: Path, record: RunRecord) -> None:
    """InputError if a file does not have the SHA-256 that the record, or the run's score, lists for it."""
    for name, sha256 in record.files.items():
        path = run / name
        if path.is_file() and sha256_of(path) != sha256:
            raise InputError(f"{path} was changed after its run", "run it again")
    if record.mode is not Mode.PERFORMANCE:
        read_scored(run)


def score_of(run: Path) -> AccuracyText:
    """The score of an accuracy run. InputError unless accuracy.txt states the SHA-256 of the untruncated log."""
    text, log = run / layout.ACCURACY_TEXT, existing(run / layout.ACCURACY_LOG)
    if not text.is_file():
        raise InputError(f"{run} is not scored yet: it has no {text.name}", "run submitter score on the campaign")
    sha256 = sha256_of(log)
    score = parse_accuracy_text(text.read_text("utf-8", errors="replace"))
    if score.sha256 != sha256:
        raise InputError(
            f"{text} states the SHA-256 {score.sha256 or '(none)'}, but that of {log.name} is {sha256}",
            "score the run again",
        )
    return score
