"""What preflight checks of an engine that serves on several machines: where they meet, and how many they are."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from submitter.campaign.description import described
from submitter.campaign.outline import CampaignOutline
from submitter.errors import InputError, NotInstalledError, SubmitterError, os_reason
from submitter.harness import engines
from submitter.harness.engines import EngineShape, RanksElsewhere

# Both are of one machine, and engine.toml is the same on all.
_OF_ONE_MACHINE = ("VLLM_HOST_IP", "HOST_IP")


def check_nodes(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """Nothing for engines on one machine. What is wrong with this machine only is a NotInstalledError, so that a
    campaign can be planned on another one."""
    seen: list[RanksElsewhere] = []
    for benchmark in outline.benchmarks:
        for engine in benchmark.distinct_engines:
            try:
                engines.check_settings(engine.engine, engine.settings, engine.sampling)
            except SubmitterError:  # the check of the engines reports it
                continue
            shape = engines.shape(engine.engine, engine.settings)
            if shape.elsewhere is None:
                continue
            where = f"{benchmark.table.measurements}: engine.toml: "
            for name in filter(engine.env.__contains__, _OF_ONE_MACHINE):
                yield InputError(f"{where}[env] sets {name}", "remove it: each machine finds its own address")
            yield from _wrong_count(outline, shape, where)
            if shape.elsewhere not in seen:
                seen.append(shape.elsewhere)
                yield from _meeting_place(shape.elsewhere, where)
    if seen:
        ranks = sum(elsewhere.count for elsewhere in seen[:1])
        yield (
            f"{ranks} rank{'s' if ranks > 1 else ''} on other machines: start there "
            f"submitter node {outline.campaign.shown_path}"
        )


def _wrong_count(outline: CampaignOutline, shape: EngineShape, where: str) -> Iterator[SubmitterError]:
    """Whether the system's description has as many machines as the settings imply."""
    elsewhere = shape.elsewhere
    assert elsewhere is not None  # the caller asked
    if elsewhere.per_node is None:  # the nodes say how many ranks each serves
        return
    needed = 1 + -(-elsewhere.count // elsewhere.per_node)
    try:
        stated = str(described(outline.campaign)["number_of_nodes"]).strip()
    except (InputError, KeyError):  # the check of the system reports it
        return
    if stated.isdigit() and int(stated) != needed:
        yield InputError(
            f"{where}{shape.ranks} ranks, {elsewhere.per_node} a machine, are on {needed} machines, "
            f"{outline.campaign.system.description} has number_of_nodes = {stated}",
            "change data_parallel_size or data_parallel_size_local, or the description of the system",
        )


def _meeting_place(elsewhere: RanksElsewhere, where: str) -> Iterator[SubmitterError]:
    """Whether this machine can wait for nodes: the address is one of its own, and the ports are free."""
    version = socket.AF_INET6 if ":" in elsewhere.address else socket.AF_INET
    for port in (elsewhere.engine_port, elsewhere.port):
        with socket.socket(version, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind((elsewhere.address, port))
            except OSError as error:
                yield NotInstalledError(
                    f"{where}this machine cannot wait for nodes at {elsewhere.address}, port {port}: "
                    f"{os_reason(error)}",
                    "data_parallel_address must be an address of the driver's machine (ip address), and "
                    "data_parallel_rpc_port and the port above it free (ss -ltn)",
                )
                return
