"""A campaign from nothing: its file, the system's description, the nearest ready settings, and the documents.

Nothing that exists is changed. If writing fails midway, what was written is removed again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from submitter import documents, layout, system
from submitter.campaign import ready_sets
from submitter.campaign.choices import DEFAULT_BENCHMARK, SMALLER_BENCHMARK, Choices, Host, sources
from submitter.campaign.file import EMBEDDED, NO_NAME, BenchmarkTable, Campaign, LimitsTable, SystemTable, typed
from submitter.campaign.measurements import engine_settings
from submitter.campaign.ready_sets import CPU_SET, READY
from submitter.campaign.templates import missing_documents
from submitter.embedded.benchmark import load_benchmark
from submitter.errors import InputError, os_reason, os_remedy
from submitter.model import Division, Scenario
from submitter.record import json_text, write_atomically
from submitter.system.wording import counted

CAMPAIGN = "campaign.toml"
# Facts that change with every update: they are read when the runs are made, not frozen here.
_SOFTWARE = {"framework", "operating_system", "other_software_stack"}


@dataclass(frozen=True, kw_only=True)
class OpenItem:
    """Something that is left to do before the campaign can run, and the command that does it; empty if none does."""

    what: str
    command: str = ""


@dataclass(frozen=True, kw_only=True)
class Initialised:
    """What `init` did."""

    campaign: Path
    written: tuple[Path, ...]
    kept: tuple[Path, ...]
    """Files that existed already."""
    notes: tuple[str, ...]
    """Which settings were taken, why, and what was changed in them."""
    open_items: tuple[OpenItem, ...]
    next_command: str


def look_at_host() -> Host:
    """What this host shows of itself; seconds at most."""
    from submitter.system import accelerators, host

    found = accelerators.detect()
    return Host(
        accelerators=found,
        numa_nodes=host.numa_nodes(),
        server_name=host.server_name(),
        description=system.described(found),
    )


def init(folder: Path, host: Host, choices: Choices) -> Initialised:
    """Write a campaign into `folder`. InputError if the folder cannot be written."""
    campaign = _campaign(folder.resolve(), choices)
    files, notes = _own_files(campaign, host, choices)
    with ExitStack() as undo:
        written = [path for path, content in files.items() if _write(path, content, undo)]
        found = missing_documents(campaign)
        found[campaign.path] = _campaign_text(campaign, choices).encode()  # last: it says that all is there
        written += [path for path, content in found.items() if _write(path, content, undo)]
        undo.pop_all()
    kept = tuple(path for path in (*files, campaign.path) if path not in written)
    is_new = campaign.path in written  # a kept file may be about something else, and `plan` shows what it lacks
    return Initialised(
        campaign=campaign.path,
        written=tuple(written),
        kept=kept,
        notes=tuple(notes),
        open_items=tuple(_open_items(campaign, choices, (*written, *kept))) if is_new else (),
        next_command=f"submitter plan {typed(campaign.path)}",
    )


def _write(path: Path, content: bytes, undo: ExitStack) -> bool:
    """Write a file unless it exists, and make `undo` remove it again; whether it was written."""
    if path.exists():
        return False
    try:
        for parent in reversed([parent for parent in path.parents if not parent.exists()]):
            parent.mkdir()
            undo.callback(parent.rmdir)
        write_atomically(path, content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {os_reason(error)}", os_remedy(error)) from None
    undo.callback(path.unlink)
    return True


def _campaign(folder: Path, choices: Choices) -> Campaign:
    is_embedded = choices.machine is None
    tables = []
    for name in choices.benchmark:
        model = "" if is_embedded else _model(choices, name)
        tables.append(
            BenchmarkTable(
                name=name,
                scenarios=choices.scenario,
                model=_path(folder, choices.model, f"models/{model}"),
                dataset=_path(folder, choices.dataset, f"data/{name.partition('-99')[0]}.safetensors"),
                measurements=folder / "measurements" / name,
                max_new_tokens=None,
                sample_limit=load_benchmark().reference.quick_sample_count if is_embedded else None,
            )
        )
    return Campaign(
        path=folder / CAMPAIGN,
        round=choices.round,
        division=choices.division,
        submitter=choices.submitter,
        smoke=is_embedded,
        output=folder / "build",
        documentation=None if choices.division is Division.OPEN else folder / "documentation",
        system=SystemTable(id=choices.system_id, description=folder / "systems" / f"{choices.system_id}.json"),
        limits=LimitsTable(start_s=300, stall_s=120) if is_embedded else LimitsTable(start_s=3600, stall_s=600),
        benchmarks=tuple(tables),
    )


def _model(choices: Choices, benchmark: str) -> str:
    """The name of the folder of the benchmark's checkpoint."""
    _, reference = sources(choices.round, benchmark)
    if choices.machine is not None:
        ready, _ = ready_sets.nearest(choices.machine)
        if ready.server and ready.serves_the_reference(benchmark):
            return reference
    return f"{reference}-fp8"


def _path(folder: Path, given: str | None, default: str) -> str:
    """The absolute path of a model or data set: what was given is relative to the working folder, as typed."""
    if given == EMBEDDED:
        return EMBEDDED
    return str(Path(given).expanduser().resolve() if given else folder / default)


def _own_files(campaign: Campaign, host: Host, choices: Choices) -> tuple[dict[Path, bytes], list[str]]:
    """The files that do not come from templates: system, settings and what describes them; and notes on them."""
    measurements = campaign.path.parent / "measurements"
    texts = {
        campaign.system.description: json_text(_description(host, choices)),
        measurements / layout.README: (READY / "measurements" / layout.README).read_text("utf-8"),
    }
    notes = []
    for table in campaign.benchmarks:
        for scenario in table.scenarios:
            files, changes = _scenario_files(campaign, choices, table.name, scenario)
            texts |= {table.measurements / scenario / name: text for name, text in files.items()}
            if changes:
                notes.append(f"{table.name} {scenario}: {'; '.join(changes)}")
    if choices.machine is None:
        first = f"settings: {CPU_SET}, for the embedded benchmark on the CPU; its results cannot be submitted"
    else:
        ready, why = ready_sets.nearest(choices.machine)
        first = f"settings: the ready set {ready.name} ({why}), for {choices.machine}"
        for other in ready_sets.served(choices.machine):
            notes.append(f"there are settings for {other.server} servers, too: --system-id {other.name}")
        for name in dict.fromkeys((*choices.benchmark, DEFAULT_BENCHMARK)):
            words = ready_sets.shards_in_words(name, choices.machine)
            if words and (name in choices.benchmark or choices.benchmark == (SMALLER_BENCHMARK,)):
                notes.insert(0, words)
    return {path: text.encode() for path, text in texts.items()}, [first, *notes]


def _scenario_files(
    campaign: Campaign, choices: Choices, benchmark: str, scenario: Scenario
) -> tuple[dict[str, str], list[str]]:
    if choices.machine is not None:
        ready, _ = ready_sets.nearest(choices.machine)
        return ready_sets.adapted(ready, choices.machine, benchmark, scenario)
    folder = READY / "measurements" / CPU_SET / benchmark / scenario
    texts = {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
    # The README of the ready set is of the example in the repository.
    return {
        name: text.replace("submitter run-all examples/demo.toml", campaign.published_command)
        for name, text in texts.items()
    }, []


def _description(host: Host, choices: Choices) -> dict[str, object]:
    stated: dict[str, object] = {"status": choices.status, "system_type": "datacenter"}
    if choices.cooling:
        stated["cooling"] = choices.cooling
    if choices.machine is None:
        ready = json.loads((READY / "systems" / "cpu-demo.json").read_text("utf-8"))
        of_the_demo = {field: value for field, value in ready.items() if field not in ("division", "submitter")}
        return system.complete(stated, of_the_demo)
    if choices.is_this_host:
        found = {field: value for field, value in host.description.items() if field not in _SOFTWARE}
        if host.server_name and host.accelerators:
            stated["system_name"] = f"{host.server_name} ({counted(host.accelerators.names)})"
    else:
        ready_set, _ = ready_sets.nearest(choices.machine)
        found = json.loads((READY / "systems" / f"{ready_set.name}.json").read_text("utf-8"))
    whole = system.complete(stated, found)
    of_the_campaign = {"division": "", "submitter": ""}  # the campaign file states them
    left = [f for f in system.missing({**host.description, **whole}) if f not in of_the_campaign and f not in _SOFTWARE]
    return system.complete(system.marked(left), whole)


def _campaign_text(campaign: Campaign, choices: Choices) -> str:
    folder = campaign.path.parent
    tables = []
    for table in campaign.benchmarks:
        made = {"model_made": "the model in the package", "dataset_made": "the data set in the package"}
        if choices.machine is not None:
            source, model = sources(choices.round, table.name)
            readme = f"{_shown(folder, str(table.measurements))}/{table.scenarios[0]}/{layout.README}"
            made = {
                "model_made": f"{readme} says how it is made and served"
                if choices.machine.server
                else f"submitter quantize makes it from {model}",
                "dataset_made": f"submitter dataset convert makes it from {source}",
            }
        facts = {
            "name": _toml(table.name),
            "scenarios": _toml(table.scenarios),
            "model": _toml(_shown(folder, table.model)),
            "dataset": _toml(_shown(folder, table.dataset)),
            "measurements": _toml(_shown(folder, str(table.measurements))),
            "more": f"sample_limit = {table.sample_limit}      # only this many samples" if table.sample_limit else "",
        }
        tables.append(documents.rendered("benchmark.toml", facts | made).rstrip() + "\n")
    smoke = "smoke = true      # a short rehearsal: it cannot be submitted" if campaign.smoke else ""
    folder_of_documents = 'documentation = "documentation"      # calibration and bandwidth, which you complete'
    text = documents.rendered(
        "campaign.toml",
        {
            "file": CAMPAIGN,
            "round": _toml(campaign.round),
            "division": _toml(campaign.division),
            "submitter": _toml(campaign.submitter),
            "smoke": smoke,
            "documentation": folder_of_documents if campaign.documentation else "",
            "system_id": _toml(campaign.system.id),
            "description": _toml(_shown(folder, str(campaign.system.description))),
            "start_s": f"{campaign.limits.start_s:g}",
            "stall_s": f"{campaign.limits.stall_s:g}",
            "benchmarks": "\n".join(tables),
        },
    )
    text = re.sub(r" {2,}# ", "  # ", text)
    return re.sub(r"\n{3,}", "\n\n", text.replace("\n\noutput", "\noutput")).rstrip() + "\n"


def _toml(value: str | Iterable[str]) -> str:
    """A text or a list of texts in TOML, which has JSON's form for them."""
    return json.dumps(str(value) if isinstance(value, str) else [str(one) for one in value])


def _shown(folder: Path, path: str) -> str:
    """A path as the campaign file has it: relative to the file if it is below or beside it."""
    if path == EMBEDDED:
        return path
    relative = os.path.relpath(path, folder)
    return path if relative.startswith("../..") else relative


def _open_items(campaign: Campaign, choices: Choices, paths: Iterable[Path]) -> list[OpenItem]:
    """What is left for a person, with the command that gets it."""
    items = []
    if campaign.submitter == NO_NAME:
        items.append(OpenItem(what=f'the name of your organisation, as submitter = "..." in {typed(campaign.path)}'))
    for table in campaign.benchmarks:
        if choices.machine is None:
            continue
        source, model = sources(choices.round, table.name)
        if not Path(table.dataset).exists():
            command = f"submitter dataset convert {source} {typed(Path(table.dataset))}"
            items.append(OpenItem(what=f"the data set of {table.name}, from MLCommons' {source}", command=command))
        if not Path(table.model).exists():
            what = f"the model of {table.name}, from the reference checkpoint"
            if choices.machine.server:
                how = typed(table.measurements / table.scenarios[0] / layout.README)
                items.append(OpenItem(what=f"{what}, and its servers: {how} has the commands"))
            else:
                items.append(OpenItem(what=what, command=f"submitter quantize {model} {typed(Path(table.model))}"))
    if _needs_numactl(campaign) and choices.is_this_host and shutil.which("numactl") is None:
        items.append(OpenItem(what="numactl, for numa_bind in engine.toml", command="apt-get install numactl"))
    for path in paths:
        parts = [what for _, what in documents.unfilled(path.read_text("utf-8", errors="replace"))]
        if parts:
            count = "1 part" if len(parts) == 1 else f"{len(parts)} parts"
            items.append(OpenItem(what=f"{typed(path)}: {count} marked {documents.MARK}"))
    return items


def _needs_numactl(campaign: Campaign) -> bool:
    return any(
        engine_settings(table, scenario).settings.get("numa_bind")
        for table in campaign.benchmarks
        for scenario in table.scenarios
    )
