"""Finds campaigns: a campaign file, an output folder, or a folder below which both are looked for."""

from __future__ import annotations

import os
import tomllib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from submitter.campaign.file import load_campaign, resolved
from submitter.campaign.journal import JOURNAL
from submitter.campaign.listing import ListedCampaign, holds_runs, list_campaign
from submitter.errors import InputError, SubmitterError
from submitter.input_file import require_file

_MOST_DEPTH = 5
_MOST_FOLDERS = 10_000
_MOST_CAMPAIGNS = 1_000
_MOST_BYTES = 1 << 20  # a campaign file has a few KB
_MARK = "[[benchmarks]]"
"""What every campaign file has, and hardly another file."""


@dataclass
class FoundCampaigns:
    """Campaigns in the order in which they were found."""

    campaigns: list[ListedCampaign] = field(default_factory=list)
    is_complete: bool = True
    """Whether everything was looked at; else there were too many folders or campaigns."""


def find_campaigns(paths: Sequence[Path]) -> FoundCampaigns:
    """Find campaigns at `paths`. InputError if there is nothing at a path, or a file that is not a campaign file."""
    found = FoundCampaigns()
    seen: set[tuple[Path | None, Path]] = set()
    for path in paths:
        for listed in _at(path, found):
            if (listed.file, listed.output) in seen:
                continue
            if len(found.campaigns) == _MOST_CAMPAIGNS:
                found.is_complete = False
                break
            seen.add((listed.file, listed.output))
            found.campaigns.append(listed)
    return found


def is_output(folder: Path) -> bool:
    """Whether this is the output folder of a campaign, by what is in it."""
    return (folder / JOURNAL).is_file() or holds_runs(folder)


def _at(path: Path, found: FoundCampaigns) -> Iterator[ListedCampaign]:
    if path.is_file():
        yield _of_file(path)
    elif not path.is_dir():
        raise InputError(f"there is no file or folder {path}", "give a campaign file, or a folder")
    elif is_output(path):
        yield _of_output(resolved(path))
    else:
        yield from _below(path, found)


def _of_file(file: Path) -> ListedCampaign:
    """What there is of a campaign with this file, which may be wrong."""
    try:
        campaign = load_campaign(file)
    except SubmitterError as error:
        output = _stated_output(file)
        if output is None:
            raise InputError(f"{file} is not a campaign file: {error.message}", error.hint) from None
        return list_campaign(output, file=file, problem=error.message)
    return list_campaign(campaign.output, campaign, file)


def _stated_output(file: Path) -> Path | None:
    """The output folder that a wrong campaign file names; None if it names none."""
    text = _text_of(file)
    try:
        output = tomllib.loads(text).get("output")
    except (tomllib.TOMLDecodeError, RecursionError):
        lines = (line.partition("=") for line in text.splitlines())
        output = next((value.strip().strip("\"'") for key, _, value in lines if key.strip() == "output"), None)
    if not isinstance(output, str) or not output or "\0" in output:
        return None
    return resolved(file.parent / output)


def _of_output(output: Path) -> ListedCampaign:
    """What there is of a campaign with this output folder; its file is looked for beside it and one folder above."""
    for folder in (output.parent, output.parent.parent):
        for file in _campaign_files(folder):
            if _campaign_output(file) == output:
                return _of_file(file)
    return list_campaign(output)


def _below(folder: Path, found: FoundCampaigns) -> Iterator[ListedCampaign]:
    """Every campaign file below a folder, and the output folders that belong to none. Links are not followed."""
    outputs: list[Path] = []
    with_file: set[Path] = set()
    pending = deque([(folder, 0)])
    looked_at = 0
    while pending:
        parent, depth = pending.popleft()
        looked_at += 1
        if looked_at > _MOST_FOLDERS:
            found.is_complete = False
            break
        for file in _campaign_files(parent):
            try:
                listed = _of_file(file)
            except InputError:
                continue  # it only looks like one
            with_file.add(listed.output)
            yield listed
        for below in _folders(parent):
            if is_output(below):
                outputs.append(resolved(below))
            elif depth < _MOST_DEPTH:
                pending.append((below, depth + 1))
    for output in outputs:
        if output not in with_file:
            yield _of_output(output)


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, in order; without links, hidden ones, and those that cannot be read."""
    try:
        with os.scandir(folder) as entries:
            found = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(found) if not name.startswith(".")]


def _campaign_files(folder: Path) -> list[Path]:
    return [file for file in sorted(folder.glob("*.toml")) if _MARK in _text_of(file)]


def _text_of(file: Path) -> str:
    """The text of a file; empty if it is too large for a campaign file, or cannot be read."""
    try:
        if require_file(file) > _MOST_BYTES:
            return ""
        return file.read_bytes().decode(errors="replace")
    except (OSError, SubmitterError):
        return ""


def _campaign_output(file: Path) -> Path | None:
    try:
        return load_campaign(file).output
    except SubmitterError:
        return _stated_output(file)
