"""Whether this host has the accelerators that a campaign is for: a run on another machine is hours for nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from submitter import system
from submitter.campaign.outline import CampaignOutline
from submitter.errors import InputError, NotInstalledError, SubmitterError
from submitter.model import Division


def check_accelerators(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """In the open division and in smoke runs, too few accelerators are only a warning."""
    from submitter.system.accelerators import detect
    from submitter.system.wording import counted

    needed, why = _needed(outline)
    stated = re.match(r"(\d+)x[A-Z]", outline.campaign.system.id)
    if stated and needed == 0:
        yield InputError(
            f"{outline.campaign.system.description}: accelerators_per_node is 0, and the system id "
            f"{outline.campaign.system.id} names {stated[1]}",
            "state how many there are, or use another system id",
        )
        return
    found = detect()
    count = len(found.devices) if found else 0
    if count >= needed:
        yield counted(found.names) if found and count else "none, and none needed"
        return
    here = "a driver of accelerators does not answer here" if found is None else f"this host has {count or 'none'}"
    message = f"{why} implies {needed} accelerator{'s' if needed > 1 else ''}, {here}"
    if outline.campaign.smoke or outline.campaign.division is Division.OPEN:
        yield f"warning: {message}"
    else:
        yield NotInstalledError(
            message, "run it on the machine that it is for; submitter init shows what it finds on a host"
        )


def _needed(outline: CampaignOutline) -> tuple[int, str]:
    """How many accelerators the campaign implies, and by what: the system's description, its id, or engine settings."""
    description = outline.campaign.system.description
    try:
        stated = system.read(description).get("accelerators_per_node")
    except InputError:  # the check of the system reports it
        stated = None
    if stated is not None and str(stated).strip().isdigit():
        needed = int(str(stated))
        if needed == 0:  # on the CPU, replicas and shards are processes
            return 0, ""
        return needed, f"{description} (accelerators_per_node)"
    if named := re.match(r"(\d+)x[A-Z]", outline.campaign.system.id):
        return int(named[1]), f"the system id {outline.campaign.system.id}"
    counts = [
        (_replicas(engine.settings), f"{benchmark.table.measurements / scenario} (engine.toml)")
        for benchmark in outline.benchmarks
        for scenario, engine in benchmark.engines.items()
        if engine.engine != "echo"
    ]
    return max(counts, default=(0, ""))


def _replicas(settings: dict[str, object]) -> int:
    """Shards times replicas of one machine; 0 if neither is set, as on a CPU."""
    replicas = settings.get("data_parallel_size_local", settings.get("data_parallel_size"))
    given = [size for size in (settings.get("tensor_parallel_size"), replicas) if isinstance(size, int)]
    return math.prod(given) if given else 0
