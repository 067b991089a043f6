"""Whether this host has the accelerators that a campaign is for: a run on another machine is hours for nothing."""

from __future__ import annotations

import re

from submitter import system
from submitter.campaign.file import Campaign
from submitter.campaign.measurements import engine_settings
from submitter.errors import InputError
from submitter.model import Division


def require_accelerators(campaign: Campaign) -> str:
    """What was found, in a few words; in the open division and in smoke runs with a warning if it is too little.

    InputError in other campaigns if this host has fewer accelerators than the campaign implies. Only for what makes
    runs: a plan may be made on any host.
    """
    from submitter.system.accelerators import detect
    from submitter.system.wording import counted

    needed, why = _needed(campaign)
    found = detect()
    count = len(found.devices) if found else 0
    if count >= needed:
        return counted(found.names) if found and count else "none, and none needed"
    here = "a driver of accelerators does not answer here" if found is None else f"this host has {count or 'none'}"
    message = f"{why} implies {needed} accelerator{'s' if needed > 1 else ''}, {here}"
    if campaign.smoke or campaign.division is Division.OPEN:
        return f"warning: {message}"
    raise InputError(message, "run it on the machine that it is for; submitter init shows what it finds on a host")


def _needed(campaign: Campaign) -> tuple[int, str]:
    """How many accelerators the campaign implies, and by what: the system's description, its id, or engine settings."""
    stated = system.read(campaign.system.description).get("accelerators_per_node")
    if stated is not None and str(stated).strip().isdigit():
        needed = int(str(stated))
        if needed == 0:  # on the CPU, replicas and shards are processes
            return 0, ""
        return needed, f"{campaign.system.description} (accelerators_per_node)"
    if named := re.match(r"(\d+)x[A-Z]", campaign.system.id):
        return int(named[1]), f"the system id {campaign.system.id}"
    counts = [
        (_replicas(engine.settings), f"{table.measurements / scenario} (engine.toml)")
        for table in campaign.benchmarks
        for scenario in table.scenarios
        if (engine := engine_settings(table, scenario)).engine != "echo"
    ]
    return max(counts, default=(0, ""))


def _replicas(settings: dict[str, object]) -> int:
    """Shards times replicas; 0 if neither is set, as on a CPU."""
    sizes = [settings.get(key) for key in ("tensor_parallel_size", "data_parallel_size")]
    given = [size for size in sizes if isinstance(size, int)]
    return (given[0] * (given[1] if len(given) > 1 else 1)) if given else 0
