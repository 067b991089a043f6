"""The description of the campaign's system, as it goes into the submission."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from submitter import documents, input_file, schema, system
from submitter.campaign.file import Campaign
from submitter.campaign.outline import run_folder
from submitter.errors import InputError, PaperworkError, raise_all
from submitter.model import Division, Mode
from submitter.record import write_json_atomically

HOST_FACTS = "host.json"
"""In a run's folder: the fields of a system description that the host showed when the run was made."""


def keep_host_facts(run_folder: Path) -> None:
    """Write what this host shows into the folder of a run that was made on it."""
    write_json_atomically(run_folder / HOST_FACTS, system.describe())


def described(campaign: Campaign) -> dict[str, Any]:
    """The fields of the system's file, and of this host for the others. InputError if the file cannot be read."""
    return _completed(campaign, system.describe())


def described_at_runs(campaign: Campaign) -> dict[str, Any]:
    """Like `described`, with the fields of the host as they were when the first performance run was made.

    So a tree has the host and the software of its runs, also after an upgrade or on another machine. Before the runs,
    and for those of an older version, which did not keep them, they are those of this host.
    """
    for table in campaign.benchmarks:
        for scenario in table.scenarios:
            kept = run_folder(campaign, table.name, scenario, Mode.PERFORMANCE) / HOST_FACTS
            if kept.is_file():
                return _completed(campaign, input_file.read_json_object(kept, hint="make the run again"))
    return described(campaign)


def _completed(campaign: Campaign, host: dict[str, object]) -> dict[str, Any]:
    description = system.complete(system.read(campaign.system.description), host)
    return description | {"submitter": campaign.submitter, "division": str(campaign.division)}


def is_networked(campaign: Campaign) -> bool:
    """Whether LoadGen reaches the SUT over a network, so that LoadGen's log must name a network SUT."""
    if campaign.division is Division.NETWORK:
        return True
    try:
        value = system.read(campaign.system.description).get("is_network")
    except InputError:  # the check of the system reports it
        return False
    return str(value).lower() == "true"


def drafted(campaign: Campaign) -> dict[str, Any]:
    """Like `described`; with the fields of the host alone, if the system's file cannot be read."""
    try:
        return described(campaign)
    except InputError:  # paperwork reports it
        return system.describe() | {"submitter": campaign.submitter, "division": str(campaign.division)}


def system_description(campaign: Campaign) -> dict[str, Any]:
    """Like `described_at_runs`. InputError also if a field is missing, wrong or still to be written."""
    description = described_at_runs(campaign)
    raise_all(list(description_problems(campaign, description)))
    return description


def description_problems(campaign: Campaign, description: dict[str, Any]) -> Iterator[PaperworkError]:
    """Everything that keeps a description from being submitted."""
    file = campaign.system.description
    missing = system.missing(description)
    if "framework" in missing:
        yield PaperworkError(
            f"{file} lacks framework, and vLLM, from which it is read, is not installed here",
            "assemble where vLLM is installed, or state the framework and its version in the file",
        )
    if undetected := [field for field in missing if field != "framework"]:
        yield PaperworkError(
            f"{file} lacks {', '.join(undetected)}",
            "fill these in: they cannot be detected (submitter describe-system shows all fields)",
        )
    marks = {field: what for field, value in description.items() for _, what in documents.unfilled(str(value))}
    for field, what in marks.items():
        yield PaperworkError(f"{file}: {field}: a person must write this part: {what}", documents.HINT)
    written = {field: value for field, value in description.items() if field not in (*marks, *missing)}
    for problem in schema.problems(written, "system"):
        if not problem.endswith(" is missing"):
            yield PaperworkError(f"{file}: {problem}", "submitter describe-system shows all fields")
