"""Shows which finished runs of a campaign stay, and which are made again and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TextIO

from submitter.campaign import RunChanges
from submitter.campaign.differences import OF_THE_SYSTEM
from submitter.console import show_line, why_invalid


def show_changes(changes: Sequence[RunChanges], stream: TextIO) -> None:
    """A line for the runs that stay, one for each reason to make runs again, and one for those that are not made yet.

    Nothing more is shown of what stays without a difference.
    """
    with_benchmark = len({each.benchmark for each in changes}) > 1

    def labels(found: Iterable[RunChanges]) -> str:
        return ", ".join(f"{each.benchmark} {each.run.label}" if with_benchmark else each.run.label for each in found)

    stays = [each for each in changes if each.stays and not each.edits]
    if stays:
        show_line(f"stays       {_runs(len(stays))}: {labels(stays)}", stream)
    for each in stays:
        if each.folder and each.is_valid is False:
            show_line(f"            {labels([each])} is {why_invalid(each.folder)}", stream, "red")
    for text, found in _grouped((str(change), each) for each in stays for change in each.despite).items():
        show_line(f"            {labels(found)} although {text}", stream)
    for text, found in _grouped((note, each) for each in stays for note in each.notes).items():
        show_line(f"            {labels(found)}: {text}", stream)
    again = _grouped(("; ".join(map(str, each.changes)), each) for each in changes if each.changes)
    for why, found in again.items():
        # Then the result would be of two systems.
        other_system = [each for each in found if OF_THE_SYSTEM & {change.cause for change in each.changes}]
        others = [each for each in stays if any(_is_one_result(each, other) for other in other_system)]
        besides = f" (stays: {labels(others)})" if others else ""
        show_line(f"made again  {labels(found)}: {why}{besides}", stream, "yellow")
    if edited := [each for each in changes if each.edits]:
        show_line(f"edited      {_runs(len(edited))}: {labels(edited)}", stream, "red")
    if new := [each for each in changes if each.folder is None]:
        show_line(f"not made    {_runs(len(new))} yet: {labels(new)}", stream)


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"


def _is_one_result(one: RunChanges, other: RunChanges) -> bool:
    return (one.benchmark, one.run.scenario) == (other.benchmark, other.run.scenario)


def _grouped(pairs: Iterable[tuple[str, RunChanges]]) -> dict[str, list[RunChanges]]:
    """The runs by what is said of them, in order."""
    groups: dict[str, list[RunChanges]] = {}
    for text, found in pairs:
        groups.setdefault(text, []).append(found)
    return groups
