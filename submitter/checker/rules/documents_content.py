"""DOC: whether what is written says what the rules want to know: how to repeat a run, and what the system is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from submitter import layout
from submitter.checker.finding import Problem, Severity
from submitter.checker.registry import rule
from submitter.model import Division
from submitter.quoting import shown
from submitter.rulebook import Rulebook
from submitter.submission.files import TEXT_LIMIT_BYTES, EntryKind
from submitter.submission.tree import Result, SubmitterDir, System

_RULES = "policies submission_rules.adoc, section "
_INFERENCE = "inference_policies inference_rules.adoc, section "

# What a guide to a run has: a command, a block or word of code, a link, or the name of a file or folder to go on with.
_LEADS_ON = re.compile(
    r"```|~~~|`[^`]+`|\]\(|https?://|^\s*\$ |^(?: {4}|\t)\S|\[source|^----$"
    r"|\b(?:python3?|make|docker|bash|mlcr?|cm|pip3?|submitter) +\S"
    r"|(?<!\w)\.{0,2}/?[\w.-]+/[\w./-]+|\w\.(?:md|adoc|sh|py)\b",
    re.MULTILINE,
)
_PLACEHOLDER = re.compile(
    r"\W*(?:todo|tbd|tba|fixme|to be (?:filled|done|added|written|determined)\b.*|placeholder)\W*", re.I
)
_WAYS_TO_SAY_NONE = re.compile(r"\W*(?:n/?a|none|no|unknown|-*|0)\W*", re.I)
_BANDWIDTH = re.compile(r"\d\s*(?:[kKMGT]i?[bB](?:ytes?|its?)?(?:/s|ps|\b)|[kKMGT]bE\b|gbe\b)")
_RETRAINED = re.compile(r"\W*(?:y|yes|true|retrained|fine-?tuned)\b.*", re.I | re.S)
_WITHOUT_ECC = re.compile(
    r"\b(?:non|no|without)[\s-]*ECC\b(?!\s+\w*\s*errors?)"
    r"|\bECC\b\W{0,3}(?:is |are |was |were )?(?:off|disabled|not (?:enabled|used)|none|no)\b",
    re.I,
)


@rule(
    "DOC010",
    requires=["MEA002"],
    origin="policy",
    severity="warning",
    source=_RULES + "Inference: READMEs to enable users to replicate performance results",
    hint="write the commands that make the run, or where they stand",
    spares_results=True,
)
def readme_leads_to_the_run(result: Result, book: Rulebook) -> Iterator[Problem]:
    """The README beside a result tells how to repeat it.

    It has a command, a link or a path to go on with. One that only promises to be written is refused.
    """
    path = result.layout.measurements(result.key) / layout.README
    if result.files.kind(path) is not EntryKind.FILE or result.files.size(path) > TEXT_LIMIT_BYTES:
        return
    text = result.files.read(path, TEXT_LIMIT_BYTES).decode("utf-8", "replace")
    if _PLACEHOLDER.fullmatch(text):
        message = "the README is a placeholder"
        yield Problem(
            message,
            found=shown(" ".join(text.split())[:60]),
            required="how to repeat the run",
            path=str(path),
            line=1,
            hint="",
            severity=Severity.ERROR,
        )
    elif not _LEADS_ON.search(text):
        yield Problem("the README names no command, file or link that leads to the run", path=str(path))


@rule(
    "DOC011",
    requires=["STR011"],
    origin="policy",
    source=_RULES + "Inference; inference_rules.adoc, sections Weight Definition and Quantization, LoadGen Operation",
    hint="write it; submitter init has a template",
    spares_results=True,
)
def documents_say_something(submitter: SubmitterDir, book: Rulebook) -> Iterator[Problem]:
    """The documents about calibration and bandwidth say what the rules ask.

    How the weights were made, so that it could be done again; and the bandwidths of the network cards and of the path
    from them, which are numbers.
    """
    if submitter.division == Division.OPEN or not submitter.systems:
        return
    for path in _documents(submitter, "calibration"):
        if not submitter.files.read(path, TEXT_LIMIT_BYTES).strip():
            yield Problem("the document is empty", required="how the weights were made", path=str(path))
    for path in _documents(submitter, "bandwidth"):
        if not _BANDWIDTH.search(submitter.files.read(path, TEXT_LIMIT_BYTES).decode("utf-8", "replace")):
            message = "the document about bandwidth names no bandwidth"
            yield Problem(message, required="such as 400 Gb/s", path=str(path), severity=Severity.WARNING)


def _documents(submitter: SubmitterDir, topic: str) -> Iterator[PurePosixPath]:
    folder = submitter.layout.documentation(submitter.division, submitter.name)
    for name in submitter.files.names(folder):
        path = folder / name
        if name.lower().startswith(topic) and submitter.files.size(path) <= TEXT_LIMIT_BYTES:
            yield path


@rule(
    "DOC012",
    requires=["MEA001"],
    origin="policy",
    source=_INFERENCE + "Closed Division: calibration is allowed, retraining is not",
    hint='submit to the open division, or write "retraining": "No" where nothing was retrained',
)
def nothing_retrained(result: Result, book: Rulebook) -> Iterator[Problem]:
    """A closed result's model was not retrained, by its own description."""
    said = result.measurements.get("retraining")
    if result.is_closed and isinstance(said, str) and _RETRAINED.fullmatch(said):
        path = str(result.measurements_path)
        yield Problem("the model was retrained", found=shown(said), required="No", path=path)


def _is_datacenter(system: System) -> bool:
    """Whether the closed division's demands on a datacenter system hold."""
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
    """A closed datacenter system does not say of itself that its memory has no ECC.

    The rules want ECC in all DRAM and HBM, switched on. The description has no field for it, so most are silent;
    and as words are judged here, the submission fails and its results stand.
    """
    if not _is_datacenter(system):
        return
    for field, value in system.description.items():
        if isinstance(value, str) and (match := _WITHOUT_ECC.search(value)):
            yield Problem(
                f"{field}: memory without ECC", found=shown(match[0]), required="ECC", path=str(system.description_path)
            )


@rule(
    "DOC014",
    requires=["SYS001"],
    origin="policy",
    severity="warning",
    source=_INFERENCE + "Networking",
    hint="describe the network that queries would come through",
)
def network_described(system: System, book: Rulebook) -> Iterator[Problem]:
    """A closed datacenter system describes its network, and its topology where it has several nodes."""
    if not _is_datacenter(system):
        return
    fields = ["host_networking", "host_network_card_count"]
    nodes = system.description.get("number_of_nodes")
    if str(nodes).strip() not in ("", "1", "None"):
        fields.append("host_networking_topology")
    silent = [f for f in fields if _WAYS_TO_SAY_NONE.fullmatch(str(system.description.get(f, "1")))]
    if silent:
        message = "the network of a datacenter system is not described"
        found = ", ".join(f"{field} {shown(system.description[field])}" for field in silent)
        yield Problem(message, found=found, path=str(system.description_path))


@rule(
    "DOC015",
    requires=["SYS001"],
    origin="policy",
    severity="warning",
    source=_RULES + "<system_desc_id>.json metadata: Meaningful response required",
    hint="fill it in; where nothing applies, say so with N/A",
)
def no_placeholders(system: System, book: Rulebook) -> Iterator[Problem]:
    """No field of a system description is still to be filled in."""
    left = [f for f, value in system.description.items() if isinstance(value, str) and _PLACEHOLDER.fullmatch(value)]
    if left:
        message = "fields are still to be filled in" if len(left) > 1 else "a field is still to be filled in"
        yield Problem(message, found=", ".join(left), path=str(system.description_path))
