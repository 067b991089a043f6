"""The fields of a system description: detects, completes, reads and validates them."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from submitter import documents, input_file, schema
from submitter.errors import InputError
from submitter.system.wording import NONE, counted

if TYPE_CHECKING:
    from submitter.system.accelerator import Accelerators

_MACHINE_ID_FILES = ("/etc/machine-id", "/sys/class/dmi/id/product_uuid")


def describe() -> dict[str, object]:
    """The fields of a system description that this host shows, as texts."""
    from submitter.system import accelerators

    return described(accelerators.detect())


def described(found: Accelerators | None) -> dict[str, object]:
    """The same for accelerators that were found already."""
    from submitter.system import accelerators, host, network

    return {
        "number_of_nodes": "1",
        "host_networking_topology": f"{NONE} (one node)",
        **host.processor(),
        **host.memory(),
        **host.storage(),
        **network.fields(),
        **accelerators.fields(found),
        **host.software(found.software if found else ""),
    }


@cache
def identity() -> dict[str, str]:
    """What distinguishes this host from others: processor, accelerators, driver, kernel, and `machine`.

    `machine` is a hash of the unique ids of the host and its accelerators: it shows whether two runs were on the same
    machine, and does not reveal which one. A fact that the host does not show is left out.
    """
    from submitter.system import accelerators, host
    from submitter.system.accelerator import Accelerators

    found = accelerators.detect() or Accelerators()
    name = str(host.processor().get("host_processor_model_name", ""))
    facts = {
        "processor": name,
        "kernel": platform.release(),
        "accelerators": counted(found.names),
        "driver": found.driver_version,
    }
    ids = [device.uuid for device in found.devices if device.uuid]
    ids += filter(None, (host.text_of(Path(path)) for path in _MACHINE_ID_FILES))
    if ids:
        facts["machine"] = hashlib.sha256("\n".join([name, *sorted(ids)]).encode()).hexdigest()
    return {key: value for key, value in facts.items() if value}


_WHAT_A_PERSON_STATES = {
    "status": "available, preview or rdi",
    "system_name": "the name in the results table",
    "system_type": "datacenter, edge, or datacenter,edge",
    "system_type_detail": "such as on-premise or cloud",
    "cooling": "air, liquid, or another kind",
    "hw_notes": "notes on the hardware, or N/A",
    "sw_notes": "notes on the software, or N/A",
    "division": "closed, open or network",
    "submitter": "the organisation, written like its folder",
    "framework": "the inference framework with its version; it is not installed on this host",
}


def marked(fields: Iterable[str]) -> dict[str, object]:
    """The mark for each field that a person must fill in, with what to write."""
    return {
        field: documents.todo(_WHAT_A_PERSON_STATES.get(field, f"{field}, which this host does not show"))
        for field in fields
    }


def missing(description: dict[str, object]) -> list[str]:
    """The required fields that are absent, or empty although the rules require an answer, in the schema's order."""
    system = schema.load("system")
    required, fields = system["required"], system["properties"]

    def is_missing(name: str) -> bool:
        value = description.get(name)
        may_be_empty = fields[name].get("$ref") == "#/$defs/answer"
        return name not in description or not (may_be_empty or (value and str(value).strip()))

    return [name for name in required if is_missing(name)]


def complete(partial: dict[str, object], detected: dict[str, object]) -> dict[str, object]:
    """The detected fields, overridden by the person's fields, in the schema's order."""
    merged = {**detected, **partial}
    order = {name: position for position, name in enumerate(schema.load("system")["properties"])}
    return dict(sorted(merged.items(), key=lambda item: (order.get(item[0], len(order)), item[0])))


def validate(description: object, where: str = "the system description") -> None:
    """InputError that names each field that is missing, unknown, or invalid by `schemas/system.schema.json`."""
    schema.validate(description, "system", where)


def read(path: Path) -> dict[str, object]:
    """A system description, or a person's part of one; InputError if it is not a JSON object of known fields.

    A field that a person has still to write may have any value.
    """
    hint = "create it with: submitter describe-system"
    content = input_file.read_json_object(path, "system description", hint)
    written = {field: value for field, value in content.items() if documents.MARK not in str(value)}
    wrong = [problem for problem in schema.problems(written, "system") if not problem.endswith(" is missing")]
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}", schema.hint("system"))
    return content
