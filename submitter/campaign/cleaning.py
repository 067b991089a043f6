"""Removes what interrupted and failed runs left in a campaign's output folder, and nothing that it does not know.

A file is known by its name and its place. What else is in a leftover's folder stays, and so does the folder. A link is
removed as a link and never followed; nothing outside the output folder is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from submitter.campaign.disk_use import entries, own_bytes
from submitter.campaign.file import ENGINE, FAILED, PREVIEW, RUNS, SUBMISSION, Campaign, load_campaign, resolved
from submitter.campaign.found_campaigns import is_output
from submitter.campaign.journal import write_journal
from submitter.campaign.listing import expected_folders
from submitter.campaign.lock import LOCK, locked
from submitter.campaign.run import DAMAGED
from submitter.campaign.settled import REPLACED, finished_folder
from submitter.errors import InputError
from submitter.harness.plan import PARTIAL
from submitter.record import RECORD

# The files that runs, their scoring and their failures write.
_RUN_FILE = re.compile(
    r"mlperf_log_(detail|summary|accuracy|trace)\.(txt|json)|user\.conf|audit\.config|(record|scored|host)\.json|accuracy\.txt|verify_\w+\.txt"
    r"|network\.csv|latencies\.npy|engine\.(log|json|toml)|[\w.-]+\.yaml|node-[\w.:-]+\.log|failure\.json"
)
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)\.tmp")  # of `record.write_atomically`
_FAILED = re.compile(r"\d{8}T\d{6}Z-[\w-]+")
_HALF_A_TREE = re.compile(rf"\.(?P<tree>({SUBMISSION}|{PREVIEW})(-v[\d.]+)?)\.(building|replaced)")
_SEARCH = re.compile(r"\.\w+\.(user\.conf|(probe|full)\.partial)")


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A file or folder that can be removed, with what it is."""

    path: Path
    what: str
    removable: tuple[Path, ...]
    """In the order in which they are removed."""
    unknown: tuple[Path, ...]
    """What stays, because nothing of ours has such a name."""
    used_bytes: int
    """What the removable part uses of the disk."""


@dataclass(frozen=True, kw_only=True)
class Cleaning:
    """What was found, and whether it was removed."""

    output: Path
    leftovers: tuple[Leftover, ...]
    is_removed: bool

    @property
    def used_bytes(self) -> int:
        return sum(leftover.used_bytes for leftover in self.leftovers)


def clean(path: Path, *, remove: bool = False, with_runs: bool = False) -> Cleaning:
    """Find what was left in the output folder of a campaign; only with `remove` is it removed.

    `path` is the campaign file, or the output folder. `with_runs` adds finished runs that the campaign file does not
    have any more. The runs of the campaign, its tree, its logs and its journal are never touched.

    InputError if there is no output folder, if a process works in it, or if `with_runs` is asked for a folder.
    """
    campaign = None if path.is_dir() else load_campaign(path)
    output = resolved(path) if campaign is None else campaign.output
    if campaign is None and with_runs:
        raise InputError(f"--runs needs the campaign file, and {path} is a folder", "give CAMPAIGN.toml")
    if campaign is not None and not output.is_dir():
        raise InputError(f"there is nothing to clean: the output folder {output} does not exist", "")
    if not (output / LOCK).is_file() or not (campaign or is_output(output)):
        raise InputError(f"{output} is not the output folder of a campaign", "give the campaign file, or its output")
    with locked(output):
        found = tuple(_leftovers(output, campaign, with_runs=with_runs))
        if remove and found:
            for each in found:
                _remove(each)
            write_journal(output, "cleaned", removed=[str(each.path.relative_to(output)) for each in found])
    return Cleaning(output=output, leftovers=found, is_removed=remove)


def _remove(leftover: Leftover) -> None:
    for path in leftover.removable:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink()


def _leftovers(output: Path, campaign: Campaign | None, *, with_runs: bool) -> Iterator[Leftover]:
    runs = [output / RUNS]
    for _ in range(3):
        runs = [below for folder in runs for below in _children(folder)]
    expected = set(expected_folders(campaign)) if campaign else set()
    for scenario in runs:
        for run in _children(scenario):
            yield from _of_run(run, is_unwanted=with_runs and run not in expected)
    for folder in _children(output / FAILED):
        if folder.is_dir() and _FAILED.fullmatch(folder.name):
            yield _folder(folder, "what a failed run left")
    benchmarks = {table.name for table in campaign.benchmarks} if campaign else {run.parent.name for run in runs}
    for folder in _children(output / ENGINE):
        if folder.is_dir() and folder.name not in benchmarks:
            yield _folder(folder, "the engine's log of an earlier session")
    for system in _children(output / "tune"):
        for benchmark in _children(system):
            for entry in _children(benchmark):
                if _SEARCH.fullmatch(entry.name):
                    yield _folder(entry, "what a search of tune left")
            yield from _temporaries(benchmark)
    for entry in _children(output):
        found = _HALF_A_TREE.fullmatch(entry.name)
        if found and entry.is_dir() and not _is_only_tree(entry, output / found["tree"]):
            yield _whole(entry, "a tree that was not finished, or that was replaced")
    yield from _temporaries(output)


def _of_run(run: Path, *, is_unwanted: bool) -> Iterator[Leftover]:
    """What is left in one of the folders of a scenario: a run's, or what an earlier one left."""
    name, _, end = run.name.partition(".")
    place = finished_folder(run.with_name(name))
    if not run.is_dir() or (end and place == run):
        return  # it is finished, and gets its name when the campaign goes on
    if f".{end}" == PARTIAL:
        yield _folder(run, "a run that was not finished")
    elif f".{end}" == REPLACED:
        yield _folder(run, "a run that was replaced")
    elif re.fullmatch(rf"{re.escape(DAMAGED)}\d+", f".{end}"):
        yield _folder(run, "a run whose record is damaged")
    elif is_unwanted and not end and (run / RECORD).is_file():
        yield _folder(run, "a finished run that the campaign file does not have")
    else:
        yield from _temporaries(run)


def _is_only_tree(entry: Path, tree: Path) -> bool:
    """Whether this is the tree itself: the next assembly restores it, as an earlier one ended between two renames."""
    return entry.name.endswith(REPLACED) and not tree.exists()


def _children(folder: Path) -> list[Path]:
    """What is in a folder, in order; nothing if it is a link."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _temporaries(folder: Path) -> Iterator[Leftover]:
    """Files that were being written, by processes that are gone."""
    for entry in _children(folder):
        if _is_temporary(entry):
            yield _leftover(entry, "a file that was not finished", [entry])


def _is_temporary(entry: Path) -> bool:
    found = _TEMPORARY.fullmatch(entry.name)
    return found is not None and entry.is_file() and not Path("/proc", found["pid"]).exists()


def _folder(path: Path, what: str) -> Leftover:
    """A leftover, without what is not known in it. A run's folder has no folders."""
    inside = _children(path)
    unknown = [each for each in inside if not _is_known(each)]
    known = [each for each in inside if each not in unknown]
    return _leftover(path, what, known if unknown else [*known, path], unknown)


def _is_known(entry: Path) -> bool:
    is_folder = entry.is_dir() and not entry.is_symlink()
    return not is_folder and (_RUN_FILE.fullmatch(entry.name) is not None or _is_temporary(entry))


def _whole(path: Path, what: str) -> Leftover:
    """A leftover with everything in it: a hidden folder that the assembly, too, removes whole."""
    return _leftover(path, what, [*([] if path.is_symlink() else entries(path)), path])


def _leftover(path: Path, what: str, removable: list[Path], unknown: Sequence[Path] = ()) -> Leftover:
    return Leftover(
        path=path,
        what=what,
        removable=tuple(removable),
        unknown=tuple(unknown),
        used_bytes=sum(map(own_bytes, removable)),
    )
