"""SYS: the system description, `systems/<system>.json`."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import plugins
from submitter.checker.finding import Problem, Severity, shown
from submitter.checker.registry import rule
from submitter.checker.tree import System
from submitter.model import Division
from submitter.rulebook import Rulebook

_CHECK = "official: checks/system_check.py "


@rule("SYS001", source=_CHECK + "missing_check", hint="describe the system: submitter describe-system")
def description_present(system: System, book: Rulebook) -> Iterator[Problem]:
    """Every system with results is described.

    The official checker ends in a traceback without it, and judges nothing else.
    """
    if system.files.kind(system.description_path) is None:
        name = system.description_path.name
        there = [file for file in system.files.names(system.description_path.parent) if file.endswith(".json")]
        hint = plugins.did_you_mean(name, there) if there else ""
        yield Problem(
            "the system description is missing",
            required=name,
            path=str(system.description_path),
            hint=hint if hint.startswith("did you mean") else "",
        )


@rule("SYS002", requires=["SYS001"], source=_CHECK + "availability_check")
def status_known(system: System, book: Rulebook) -> Iterator[Problem]:
    """The status is one of the round's."""
    yield from _one_of(system, "status", book.system.statuses)


@rule("SYS003", requires=["SYS001"], source=_CHECK + "system_type_check")
def system_type_known(system: System, book: Rulebook) -> Iterator[Problem]:
    """The system type is one of the round's."""
    yield from _one_of(system, "system_type", book.system.system_types, fold_case=False)


def _one_of(system: System, field: str, allowed: tuple[str, ...], *, fold_case: bool = True) -> Iterator[Problem]:
    value = system.description.get(field)
    text = value.lower() if fold_case and isinstance(value, str) else value
    if text not in allowed:
        yield Problem(
            f"{field} is not one that the round knows",
            found=shown(value),
            required="one of " + ", ".join(allowed),
            path=str(system.description_path),
            hint=plugins.did_you_mean(shown(value), allowed),
        )


@rule("SYS004", requires=["SYS001"], source=_CHECK + "required_fields_check; constants.py SYSTEM_DESC_REQUIRED_FIELDS")
def fields_present(system: System, book: Rulebook) -> Iterator[Problem]:
    """The description has all required fields, a networked system those of the network too."""
    required = book.system.required_fields
    if _is_network(system):
        required += book.system.network_fields
    for field in required:
        if field not in system.description:
            yield Problem(
                "a required field is missing",
                required=field,
                path=str(system.description_path),
                hint=f'add "{field}"; where nothing applies, say so with "N/A"',
            )


@rule(
    "SYS005",
    requires=["SYS001"],
    source=_CHECK + "required_fields_check; constants.py SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS",
    hint="fill it in; reviewers read it",
)
def fields_meaningful(system: System, book: Rulebook) -> Iterator[Problem]:
    """Fields that need a meaningful answer have one."""
    for field in book.system.meaningful_fields:
        value = system.description.get(field, "absent")
        if not value:
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            yield Problem(
                f"{field} needs a meaningful answer",
                found=shown(value),
                path=str(system.description_path),
                hint=f'write "{value}" in quotes: the official checker takes the number for no answer'
                if is_number
                else "",
            )
        elif isinstance(value, str) and not value.strip():
            # The official check takes blanks for an answer, reviewers do not.
            yield Problem(
                f"{field} needs a meaningful answer",
                found="blanks",
                path=str(system.description_path),
                severity=Severity.WARNING,
            )


@rule("SYS006", requires=["SYS001"], source=_CHECK + "submitter_check")
def submitter_matches(system: System, book: Rulebook) -> Iterator[Problem]:
    """The submitter is the folder's."""
    yield from _equals_folder(system, "submitter", system.submitter.name)


@rule("SYS007", requires=["SYS001"], source=_CHECK + "division_check")
def division_matches(system: System, book: Rulebook) -> Iterator[Problem]:
    """The division is the folder's."""
    yield from _equals_folder(system, "division", system.submitter.division)


def _equals_folder(system: System, field: str, folder: str) -> Iterator[Problem]:
    value = system.description.get(field)
    if not isinstance(value, str) or value.lower() != folder.lower():
        yield Problem(
            f"{field} is not the folder's",
            found=shown(value),
            required=folder,
            path=str(system.description_path),
            hint=f'write "{field}": "{folder}", or move the folder',
        )


@rule("SYS008", requires=["SYS001"], source=_CHECK + "network_check")
def network_mode(system: System, book: Rulebook) -> Iterator[Problem]:
    """The network division's systems are networked, the closed division's are not."""
    division = system.submitter.division
    is_network = _is_network(system)
    if division == Division.OPEN or is_network == (division == Division.NETWORK):
        return
    yield Problem(
        f"is_network does not suit the {division} division",
        found=shown(system.description.get("is_network")),
        required="true" if division == Division.NETWORK else "false",
        path=str(system.description_path),
        hint="correct is_network, or move the results to the other division",
    )


def _is_network(system: System) -> bool:
    value = system.description.get("is_network")
    return value is True or (isinstance(value, str) and value.lower() == "true")
