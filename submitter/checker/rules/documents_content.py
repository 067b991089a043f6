"""DOC: what documents and descriptions must say: how to repeat a run, and what the system is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.checker.rules._shared import bounded_content
from submitter.model import Division
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import Unavailable
from submitter.submission.tree import Result, SubmitterDir, System

_RULES = "policies submission_rules.adoc, section "
_INFERENCE = "inference_policies inference_rules.adoc, section "

# Instructions for a run contain a command, a block or word of code, a link, or the name of a file or folder.
_INSTRUCTIONS = re.compile(
    r"```|~~~|`[^`]+`|\]\(|https?://|^[ \t]*\$ |^(?: {4}|\t)\S|\[source|^----$"
    r"|\b(?:python3?|make|docker|bash|mlcr?|cm|pip3?|submitter) +\S"
    r"|[\w.-]/[\w./-]|\w\.(?:md|adoc|sh|py)\b",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(
    r"\W*(?:todo|tbd|tba|fixme|to be (?:filled|done|added|written|determined)\b.*|placeholder)\W*", re.I
)
_WAYS_TO_SAY_NONE = re.compile(r"\W*(?:(?:n/?a|none|no|unknown|0)\W*)?", re.I)
_BANDWIDTH = re.compile(r"\d\s*(?:[kKMGT]i?[bB](?:ytes?|its?)?(?:/s|ps|\b)|[kKMGT]bE\b|gbe\b)")
_RETRAINED = re.compile(r"\W*(?:y|yes|true|retrained|fine-?tuned)\b.*", re.I | re.S)
_WITHOUT_ECC = re.compile(
    r"\b(?:non|no|without)[\s-]*ECC\b(?!\s+(?:\w+\s+)?errors?)"
    r"|\bECC\b\W{0,3}(?:is |are |was |were )?(?:off|disabled|not (?:enabled|used)|none|no)\b",
    re.I,
)
_SHOWN_CHARACTERS = 60


@rule(
    "DOC010",
    requires=["MEA002"],
    origin="policy",
    severity="note",
    source=_RULES + "Inference: READMEs to enable users to replicate performance results",
    hint="write the commands that repeat the run, or where to find them",
    spares_results=True,
)
def readme_says_how_to_repeat_the_run(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The README of a result says how to repeat it.

    A README that is only a placeholder is an error. One without a command, a link or a path is a note: text alone may
    say enough.
    """
    path = result.layout.measurements(result.key) / layout.README
    content = bounded_content(result.files, path)
    if content is None:
        return
    text = content.decode("utf-8", "replace")
    if _PLACEHOLDER.fullmatch(text):
        yield Problem(
            "the README is a placeholder",
            found=shown(" ".join(text.split())[:_SHOWN_CHARACTERS]),
            required="how to repeat the run",
            path=str(path),
            line=1,
            severity=Severity.ERROR,
        )
    elif not _INSTRUCTIONS.search(text):
        yield Problem("the README has no command, file name or link for repeating the run", path=str(path))


@rule(
    "DOC011",
    requires=["STR011"],
    origin="policy",
    source=_RULES + "Inference; inference_rules.adoc, sections Weight Definition and Quantization, LoadGen Operation",
    hint="write it; submitter templates creates a template",
    spares_results=True,
)
def calibration_and_bandwidth_stated(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The documents about calibration and bandwidth say what the rules require.

    They say how the weights were made, so that others can repeat it, and state the bandwidths of the network cards and
    of the path from them as numbers.
    """
    if submitter.division == Division.OPEN or not submitter.systems:
        return
    for path, content in _documents(submitter, "calibration"):
        if not content.strip():
            yield Problem("the document is empty", required="how the weights were made", path=str(path))
    for path, content in _documents(submitter, "bandwidth"):
        if not _BANDWIDTH.search(content.decode("utf-8", "replace")):
            message, required = "the bandwidth document states no bandwidth", "a bandwidth, such as 400 Gb/s"
            yield Problem(message, required=required, path=str(path), severity=Severity.WARNING)


def _documents(submitter: SubmitterDir, topic: str) -> Iterator[tuple[PurePosixPath, bytes]]:
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    for name in submitter.files.names(folder):
        if name.lower().startswith(topic):
            content = bounded_content(submitter.files, folder / name)
            if content is not None:
                yield folder / name, content


@rule(
    "DOC012",
    requires=["MEA001"],
    origin="policy",
    source=_INFERENCE + "Closed Division: calibration is allowed, retraining is not",
    hint='submit to the open division, or write "retraining": "No" if the model was not retrained',
)
def nothing_retrained(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The description of a closed result does not say that the model was retrained."""
    stated = result.measurements.get("retraining")
    if result.is_closed and isinstance(stated, str) and _RETRAINED.fullmatch(stated):
        path = str(result.measurements_path)
        yield Problem("the model was retrained", found=shown(stated), required="No", path=path)


def _is_closed_datacenter(system: System) -> bool:
    """Whether the closed division's requirements for datacenter systems apply."""
    return system.submitter.division != Division.OPEN and "datacenter" in system.field("system_type").lower()


@rule(
    "DOC013",
    requires=["SYS001"],
    origin="policy",
    source=_INFERENCE + "ECC",
    hint="a system without ECC can only be submitted as an edge system, or to the open division",
    spares_results=True,
)
def memory_has_ecc(system: System, book: Rulebook) -> Iterator[Problem]:
    """The description of a closed datacenter system does not say that its memory has no ECC.

    The rules require ECC in all DRAM and HBM, switched on. The description has no field for it, so most descriptions do
    not mention it. Because this rule judges free text, a finding fails the submission but not its results.
    """
    if not _is_closed_datacenter(system):
        return
    for field, value in system.description.items():
        if isinstance(value, str) and (match := _WITHOUT_ECC.search(value)):
            path = str(system.description_path)
            yield Problem(f"{field}: memory without ECC", found=shown(match[0]), required="ECC", path=path)


@rule(
    "DOC014",
    origin="policy",
    severity="warning",
    source=_INFERENCE + "Networking",
    hint="describe the network through which queries would arrive",
)
def network_described(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """A closed datacenter system describes its network and, if it has several nodes, its topology.

    Descriptions of one submitter are usually alike, so each submitter gets one finding, with the first of them.
    """
    lacking = [(system, empty) for system in submitter.systems if (empty := _undescribed(system))]
    if lacking:
        system, empty = lacking[0]
        message = "the network of a datacenter system is not described"
        if len(lacking) > 1:
            message = f"the networks of {len(lacking)} datacenter systems are not described"
        found = ", ".join(f"{field} {shown(system.description[field])}" for field in empty)
        yield Problem(message, found=found, path=str(system.description_path))


def _undescribed(system: System) -> list[str]:
    """The fields about the network that say nothing; none where the description cannot be read."""
    try:
        description = system.description if _is_closed_datacenter(system) else {}
    except Unavailable:
        return []
    fields = ["host_networking", "host_network_card_count"]
    if str(description.get("number_of_nodes")).strip() not in ("", "1", "None"):
        fields.append("host_networking_topology")
    return [field for field in fields if _WAYS_TO_SAY_NONE.fullmatch(str(description.get(field, "1")))]


@rule(
    "DOC015",
    requires=["SYS001"],
    origin="policy",
    severity="warning",
    source=_RULES + "<system_desc_id>.json metadata: Meaningful response required",
    hint="fill it in; where nothing applies, write N/A",
)
def no_placeholders(system: System, book: Rulebook) -> Iterator[Problem]:
    """No field of the system description is a placeholder."""
    left = [f for f, value in system.description.items() if isinstance(value, str) and _PLACEHOLDER.fullmatch(value)]
    if left:
        message = "fields are placeholders" if len(left) > 1 else "a field is a placeholder"
        yield Problem(message, found=", ".join(left), path=str(system.description_path))
