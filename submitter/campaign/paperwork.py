"""The checks of the documents that a submission needs. They block its assembly, but no run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submitter import documents, input_file, layout
from submitter.campaign.description import described_at_runs, description_problems
from submitter.campaign.file import NO_NAME
from submitter.campaign.outline import BenchmarkOutline, CampaignOutline
from submitter.campaign.preflight_checks import Check
from submitter.errors import InputError, PaperworkError, SubmitterError, from_os_error
from submitter.harness.checkpoint import weight_data_type
from submitter.model import Division

# The documents that a closed submission must have, by the first letters of their file names.
_DOCUMENTS = ("calibration", "bandwidth")


def _measurements(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    rules = outline.book.measurements
    for benchmark in outline.benchmarks:
        for scenario in benchmark.table.scenarios:
            folder = benchmark.table.measurements / scenario
            path = folder / layout.MEASUREMENTS_JSON
            for name in dict.fromkeys((*rules.required_files, layout.README, layout.MEASUREMENTS_JSON)):
                if name == layout.USER_CONF:  # a run reads it, so its absence is no matter of paperwork
                    continue
                if not _has_content(folder / name):
                    yield _missing(folder / name, outline)
                elif name in (layout.README, layout.MEASUREMENTS_JSON):
                    yield from _unfilled(folder / name)
            if not _has_content(path):
                continue
            try:
                content = input_file.read_json_object(path)
            except InputError as error:
                yield PaperworkError(error.message, error.hint or "fix the file")
                continue
            yield from _weights(benchmark, path, content)
            empty = [name for name in rules.required_fields if not content.get(name)]
            if empty:
                yield PaperworkError(f"{path}: {', '.join(empty)} missing or empty", "write what was really done")
    yield "user.conf, README.md and measurements.json are complete"


def _weights(benchmark: BenchmarkOutline, path: Path, content: dict[str, Any]) -> Iterator[PaperworkError]:
    """The stated type of the weights against that in the checkpoint."""
    stated = content.get("weight_data_types")
    try:
        found = weight_data_type(benchmark.model_folder)
    except SubmitterError:  # the check of the models reports it
        return
    if isinstance(stated, str) and stated and found not in stated.lower() and documents.MARK not in stated:
        yield PaperworkError(
            f"{path}: weight_data_types is {stated}, the weights in {benchmark.model_folder} are {found}",
            "state what was run, or name the other checkpoint",
        )


def _documents(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """The documents of the closed division (policies submission_rules.adoc; required since mlcommons/policies #209)."""
    folder = outline.campaign.documentation
    if outline.campaign.division is Division.OPEN:
        yield "the open division needs none" if folder is None else f"from {folder}"
        return
    if folder is None:
        yield PaperworkError(
            f'{outline.campaign.path} has no documentation = "..."',
            "add it: a closed submission documents calibration and bandwidth (submitter templates writes templates)",
        )
        return
    names = [path.name for path in sorted(folder.iterdir())] if folder.is_dir() else []
    for topic in _DOCUMENTS:
        if not any(name.lower().startswith(topic) for name in names):
            yield _missing(folder / f"{topic}.md", outline)
    for path in sorted(folder.rglob("*.md")):
        yield from _unfilled(path)
    yield ", ".join(names)


def _system(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    campaign = outline.campaign
    if not campaign.system.description.is_file():
        yield _missing(campaign.system.description, outline)
        return
    try:
        description = described_at_runs(campaign)
    except InputError as error:
        yield PaperworkError(error.message, error.hint)
        return
    yield from description_problems(campaign, description)
    yield f"{campaign.system.id}: {description.get('system_name')}, complete"


def _submitter(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """The name of the submitter's folder; a rehearsal needs none of its own."""
    campaign = outline.campaign
    if campaign.submitter == NO_NAME and not campaign.smoke:
        yield PaperworkError(f'{campaign.path}: submitter = "{NO_NAME}" is the template\'s', "write your organisation")
    yield campaign.submitter


def _missing(path: Path, outline: CampaignOutline) -> PaperworkError:
    hint = f"submitter templates {outline.campaign.shown_path} writes a template of each missing document"
    if path.name == layout.MLPERF_CONF:
        hint = f"copy loadgen/{path.name} of mlcommons/inference, tag {outline.book.name}"
    return PaperworkError(f"{path} is missing or empty", hint)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _unfilled(path: Path) -> Iterator[PaperworkError]:
    """One problem for each part that a person has still to write."""
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        unreadable = from_os_error(error)
        yield PaperworkError(unreadable.message, unreadable.hint)
        return
    for problem in documents.problems(text, str(path)):
        yield PaperworkError(problem.message, problem.hint)


PAPERWORK_CHECKS: dict[str, Check] = {
    "measurements": _measurements,
    "documents": _documents,
    "system": _system,
    "submitter": _submitter,
}
"""By the name that is shown, in the order in which they are made."""


def paperwork_problems(outline: CampaignOutline) -> list[SubmitterError]:
    """Everything that keeps a campaign's runs from being assembled to a submission."""
    outcomes = (outcome for check in PAPERWORK_CHECKS.values() for outcome in check(outline))
    return [outcome for outcome in outcomes if isinstance(outcome, SubmitterError)]
