"""Mistakes in the description of the system."""

from __future__ import annotations

from mistakes.edits import fields, folder_instead, remove, write
from mistakes.record import Mistake

_FILE = "system.json"

MISTAKES = (
    Mistake(
        id="system-missing",
        what="no description",
        make=remove(_FILE),
        is_due=True,
        message="system.json is missing or empty",
        remedy="submitter templates",
    ),
    Mistake(
        id="system-is-a-folder",
        what="a folder instead of the description",
        make=folder_instead(_FILE),
        is_due=True,
        message="system.json",
    ),
    Mistake(
        id="system-not-json",
        what="a description with a trailing comma",
        make=write(_FILE, '{"status": "available",}'),
        is_due=True,
        message="system.json is not a JSON file",
    ),
    Mistake(
        id="system-list",
        what="a description that is a list",
        make=write(_FILE, "[]"),
        is_due=True,
        message="system.json is not a JSON object",
    ),
    Mistake(
        id="system-unknown-field",
        what="a misspelt field: coolingg",
        make=fields(_FILE, cooling=..., coolingg="air"),
        is_due=True,
        message="coolingg",
        remedy="did you mean 'cooling'?",
    ),
    Mistake(
        id="system-wrong-type",
        what="a list where a text is required",
        make=fields(_FILE, system_name=["H100"]),
        is_due=True,
        message="system_name",
        also=(_FILE,),
    ),
    Mistake(
        id="system-empty-field",
        what="an empty field",
        make=fields(_FILE, cooling=""),
        is_due=True,
        message="cooling",
        also=(_FILE,),
    ),
    Mistake(
        id="system-field-missing",
        what="a field left out that cannot be detected",
        make=fields(_FILE, cooling=...),
        is_due=True,
        message="cooling",
        also=(_FILE,),
    ),
    Mistake(
        id="system-unfilled",
        what="a field that is still to be written",
        make=fields(_FILE, hw_notes="TODO(person): notes on the hardware"),
        is_due=True,
        message="a person must write this part: notes on the hardware",
        also=("hw_notes",),
    ),
    Mistake(
        id="system-status",
        what="a misspelt status: availble",
        make=fields(_FILE, status="availble"),
        is_due=True,
        message="availble",
        remedy="did you mean 'available'?",
    ),
    Mistake(
        id="system-type",
        what="a system type that does not exist: datacentre",
        make=fields(_FILE, system_type="datacentre"),
        is_due=True,
        message="datacentre",
        remedy="did you mean 'datacenter'?",
    ),
    Mistake(
        id="system-no-accelerators",
        what="8xH100 with no accelerators",
        make=fields(_FILE, accelerators_per_node="0"),
        message="accelerators_per_node is 0, and the system id 8xH100-SXM-80GB names 8",
    ),
    Mistake(
        id="system-not-the-accelerators",
        what="8xH100 with four accelerators",
        make=fields(_FILE, accelerators_per_node="4"),
        message="the engine uses 8 devices, system.json describes 4",
    ),
    Mistake(
        id="system-number-as-words",
        what="a number in words: eight",
        make=fields(_FILE, accelerators_per_node="eight"),
        is_due=True,
        message="accelerators_per_node",
    ),
)
