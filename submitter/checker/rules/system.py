"""SYS: the system description, `systems/<system>.json`."""

from __future__ import annotations

from collections.abc import Iterator

from submitter import plugins
from submitter.checker.finding import Problem
from submitter.checker.registry import rule
from submitter.checker.rules._shared import is_networked
from submitter.model import Division
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.tree import System

_CHECK = "official: checks/system_check.py "


@rule("SYS001", absence=True, source=_CHECK + "missing_check", hint="describe the system: submitter describe-system")
def description_present(system: System, book: Rulebook) -> Iterator[Problem]:
    """Every system with results has a description.

    Without it the official checker ends in a traceback, and judges nothing else.
    """
    if system.files.kind(system.description_path) is None:
        name = system.description_path.name
        others = [file for file in system.files.names(system.description_path.parent) if file.endswith(".json")]
        hint = plugins.did_you_mean(name, others) if others else ""
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
            f"the round does not know this {field}",
            found=shown(value),
            required="one of " + ", ".join(allowed),
            path=str(system.description_path),
            hint=plugins.did_you_mean(shown(value), allowed),
        )


@rule("SYS004", requires=["SYS001"], source=_CHECK + "required_fields_check; constants.py SYSTEM_DESC_REQUIRED_FIELDS")
def required_fields_present(system: System, book: Rulebook) -> Iterator[Problem]:
    """The description has all required fields and, for a networked system, those of the network.

    From v6.0 on, the official checker requires the network's fields wherever is_network has a value, even "false".
    """
    required = book.system.required_fields
    if is_networked(system.description) or (book.system.any_is_network_value and system.description.get("is_network")):
        required += book.system.network_fields
    for field in required:
        if field not in system.description:
            yield Problem(
                "a required field is missing",
                required=field,
                path=str(system.description_path),
                hint=f'add "{field}"; {_what_to_write(field, book)}',
            )


def _what_to_write(field: str, book: Rulebook) -> str:
    """What a required field may hold where there is nothing to say; SYS010 refuses text for a number."""
    if field in book.system.whole_number_fields:
        return "write a whole number, such as 1"
    return 'where nothing applies, write "N/A"'


@rule(
    "SYS005",
    requires=["SYS001"],
    source=_CHECK + "required_fields_check; constants.py SYSTEM_DESC_MEANINGFUL_RESPONSE_REQUIRED_FIELDS",
    hint="fill it in: reviewers read it",
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
                hint=f'write "{value}" in quotes: the official checker takes this number for an empty answer'
                if is_number
                else "",
            )


@rule("SYS006", requires=["SYS001"], source=_CHECK + "submitter_check")
def submitter_matches(system: System, book: Rulebook) -> Iterator[Problem]:
    """The submitter in the description is that of the folder."""
    yield from _equals_folder(system, "submitter", system.submitter.name)


@rule("SYS007", requires=["SYS001"], source=_CHECK + "division_check")
def division_matches(system: System, book: Rulebook) -> Iterator[Problem]:
    """The division in the description is that of the folder; up to v5.1, with the same capitalization."""
    yield from _equals_folder(
        system, "division", system.submitter.division, fold_case=not book.system.division_case_sensitive
    )


def _equals_folder(system: System, field: str, folder: str, *, fold_case: bool = True) -> Iterator[Problem]:
    value = system.description.get(field)
    same = isinstance(value, str) and (value == folder or (fold_case and value.lower() == folder.lower()))
    if not same:
        yield Problem(
            f"{field} is not that of the folder",
            found=shown(value),
            required=folder,
            path=str(system.description_path),
            hint=f'write "{field}": "{folder}", or move the folder',
        )


@rule("SYS008", requires=["SYS001"], source=_CHECK + "network_check")
def network_mode_fits_division(system: System, book: Rulebook) -> Iterator[Problem]:
    """Systems in the network division are networked, and systems in the closed division are not."""
    division = system.submitter.division
    is_network = is_networked(system.description)
    if division == Division.OPEN or is_network == (division == Division.NETWORK):
        return
    yield Problem(
        f"is_network does not fit the {division} division",
        found=shown(system.description.get("is_network")),
        required="true" if division == Division.NETWORK else "false",
        path=str(system.description_path),
        hint="correct is_network, or move the results to the other division",
    )


@rule("SYS009", requires=["SYS001"], source=_CHECK + "network_check", hint='write "true" or "false", in quotes')
def network_mode_is_text(system: System, book: Rulebook) -> Iterator[Problem]:
    """is_network is text, if it is present.

    The official checker converts it to lower case. Where that fails, it refuses the system or ends in a traceback.
    """
    value = system.description.get("is_network")
    if value is not None and not isinstance(value, str):
        yield Problem("is_network is not text", found=shown(value), path=str(system.description_path))


@rule("SYS010", requires=["SYS001"], source="official: the row of summary.csv (log_result; results.py, add_result)")
def fields_fit_the_summary(system: System, book: Rulebook) -> Iterator[Problem]:
    """Fields that the summary joins as text are text, and fields that it multiplies are whole numbers.

    Otherwise the official checker ends in a traceback at the first valid result of the system.
    """
    description = system.description
    for field in book.system.text_fields:
        if field in description and not isinstance(description[field], str):
            yield _wrong_type(system, field, "text")
    for field in book.system.whole_number_fields:
        try:
            int(description.get(field, 0))
        except (TypeError, ValueError, OverflowError):
            yield _wrong_type(system, field, "a whole number")
    hardware, software = description.get("hw_notes", ""), description.get("sw_notes")
    if software and not isinstance(software, str):
        yield _wrong_type(system, "sw_notes", "text")
    # The summary ignores empty notes on the hardware where there are notes on the software.
    is_ignored = not hardware if software else not book.system.text_fields
    if not isinstance(hardware, str) and not is_ignored:
        yield _wrong_type(system, "hw_notes", "text")


def _wrong_type(system: System, field: str, what: str) -> Problem:
    value = system.description.get(field)
    return Problem(f"{field} is not {what}", found=shown(value), required=what, path=str(system.description_path))
