"""Which ready set a machine gets, and what is changed in it."""

from __future__ import annotations

import re
import tomllib

import pytest

from submitter.campaign import ready_sets
from submitter.campaign.ready_sets import Machine, adapted, nearest, tensor_parallel_size
from submitter.errors import InputError
from submitter.model import Scenario

LLAMA2, LLAMA3 = "llama2-70b-99.9", "llama3.1-8b"
H100 = "NVIDIA H100 80GB HBM3"


def machine(count: int, name: str, memory_gb: float, vendor: str = "NVIDIA", numa_node_count: int = 2) -> Machine:
    return Machine(count=count, name=name, vendor=vendor, memory_gb=memory_gb, numa_node_count=numa_node_count)


@pytest.mark.parametrize(
    ("found", "name", "why"),
    [
        (machine(8, H100, 80), "8xH100-SXM-80GB", "this machine's"),
        (machine(4, H100, 80), "8xH100-SXM-80GB", "the same accelerator, 8 of them"),
        (machine(8, "NVIDIA H200", 141), "1xH200-SXM-141GB", "the same accelerator, 1 of them"),
        (machine(8, "NVIDIA B200", 180), "8xB200-SXM-180GB", "this machine's"),
        (machine(8, "AMD Instinct MI300X OAM", 192, "AMD"), "8xMI300X", "this machine's"),
        (machine(8, "AMD Instinct MI325X", 256, "AMD"), "8xMI300X", "no set is for AMD Instinct MI325X"),
        (machine(8, "NVIDIA L40S", 48), "8xH100-SXM-80GB", "its memory is the nearest"),
        (machine(8, "NVIDIA A100-SXM4-80GB", 80), "8xH100-SXM-80GB", "no set is for NVIDIA A100-SXM4-80GB"),
        (machine(4, "NVIDIA H200 NVL", 141), "1xH200-SXM-141GB", "its memory is the nearest"),
        (machine(1, "NVIDIA B300 SXM6 AC", 270), "8xB200-SXM-180GB", "its memory is the nearest"),
    ],
    ids=lambda value: str(value) if isinstance(value, Machine) else None,
)
def test_the_nearest_set(found: Machine, name: str, why: str) -> None:
    ready, reason = nearest(found)
    assert ready.name == name
    assert why in reason


def test_another_vendor_has_no_set() -> None:
    with pytest.raises(InputError, match="no ready set is for accelerators of Intel"):
        nearest(machine(8, "Gaudi 3", 128, "Intel"))


@pytest.mark.parametrize(
    ("ready", "benchmark"),
    [(ready, name) for ready in ready_sets.ready_sets() for name in ready_sets.benchmarks(ready)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_machine_of_a_set_gets_it_as_it_is(ready: ready_sets.ReadySet, benchmark: str) -> None:
    """So the rule for shards agrees with the published choices, of which the sets are made."""
    found = ready_sets.machine_named(ready.name)
    assert found is not None
    assert nearest(found) == (ready, "this machine's")
    scenarios = ready_sets.scenarios(ready, benchmark, Scenario)
    assert {Scenario.OFFLINE, Scenario.SERVER} <= set(scenarios)
    for scenario in scenarios:
        files, changes = adapted(ready, found, benchmark, scenario)
        assert changes == []
        assert files == {path.name: path.read_text() for path in (ready.folder(benchmark) / scenario).iterdir()}


@pytest.mark.parametrize(
    ("found", "benchmark", "shards"),
    [
        (machine(8, H100, 80), LLAMA2, 2),
        (machine(8, H100, 80), LLAMA3, 1),
        (machine(8, "NVIDIA L40S", 48), LLAMA2, 4),
        (machine(8, "NVIDIA L4", 24), LLAMA2, 8),
        (machine(1, "NVIDIA L4", 24), LLAMA3, 1),
        (machine(1, "NVIDIA H200", 141), "llama2-70b-99", 1),
    ],
    ids=str,
)
def test_a_replica_has_as_many_shards_as_the_weights_need(found: Machine, benchmark: str, shards: int) -> None:
    assert tensor_parallel_size(benchmark, found) == shards


@pytest.mark.parametrize(("count", "words"), [(1, "2 of these.*there is one"), (0, "2 of these.*there are 0")])
def test_a_model_that_does_not_fit_is_refused(count: int, words: str) -> None:
    with pytest.raises(InputError, match=f"in 8 bits has about 69 GB of weights.*{words}") as error:
        tensor_parallel_size(LLAMA2, machine(count, H100, 80))
    assert "--benchmark llama3.1-8b" in error.value.hint


def test_another_count_changes_replicas_queue_and_rate() -> None:
    found = machine(5, H100, 80)
    ready, _ = nearest(found)
    files, changes = adapted(ready, found, LLAMA2, Scenario.SERVER)
    assert changes == [
        "data_parallel_size 2 instead of 4",
        "in_flight 6144 instead of 12288",
        "target_qps 43.8 instead of 70",
        "1 of the 5 accelerators stay idle",
    ]
    engine = tomllib.loads(files["engine.toml"])
    assert (engine["settings"]["tensor_parallel_size"], engine["settings"]["data_parallel_size"]) == (2, 2)
    assert engine["in_flight"] == 6144
    assert engine["in_flight"] >= 1.1 * 2 * engine["settings"]["max_num_seqs"]
    assert "*.Server.target_qps = 43.8\n" in files["user.conf"]
    heading = re.sub(r"\n# ", " ", files["engine.toml"])
    assert heading.startswith(f"# submitter init took this from the ready set 8xH100-SXM-80GB for 5x {H100}: data_par")
    assert max(map(len, files["engine.toml"].splitlines())) <= 120


def test_a_set_for_one_accelerator_gets_replicas() -> None:
    found = machine(8, "NVIDIA H200", 141)
    files, changes = adapted(nearest(found)[0], found, LLAMA2, Scenario.OFFLINE)
    assert tomllib.loads(files["engine.toml"])["settings"]["data_parallel_size"] == 8
    assert "in_flight 12288 instead of 1536" in changes
    assert "*.Offline.target_qps = 104\n" in files["user.conf"]


def test_one_numa_node_needs_no_binding() -> None:
    found = machine(8, H100, 80, numa_node_count=1)
    files, changes = adapted(nearest(found)[0], found, LLAMA2, Scenario.OFFLINE)
    assert changes == ["no numa_bind: this host has one NUMA node"]
    assert "numa_bind" not in tomllib.loads(files["engine.toml"])["settings"]


def served_h100() -> ready_sets.ReadySet:
    (ready,) = ready_sets.served(machine(8, H100, 80))
    return ready


def test_a_set_with_servers_is_taken_by_its_name_only() -> None:
    ready = served_h100()
    assert (ready.name, ready.server) == ("8xH100-SXM-80GB_TRT-LLM", "TRT-LLM")
    named = ready_sets.machine_named(ready.name)
    assert named is not None
    assert nearest(named)[0] == ready
    assert ready_sets.served(named) == [], "what was chosen is not offered again"
    assert nearest(machine(8, H100, 80))[0].server == ""
    assert ready_sets.served(machine(8, "NVIDIA L40S", 48)) == []


def test_which_checkpoint_its_servers_need() -> None:
    assert not served_h100().serves_the_reference(LLAMA2)
    (a100,) = ready_sets.served(machine(8, "NVIDIA A100-SXM4-80GB", 80))
    assert a100.serves_the_reference("llama2-70b-99")


def test_what_there_are_sets_for() -> None:
    assert ready_sets.benchmarks() == ["llama2-70b-99", LLAMA2, LLAMA3]
    mi300x, trtllm = nearest(machine(8, "AMD Instinct MI300X OAM", 192, "AMD"))[0], served_h100()
    allowed = {Scenario.SERVER, Scenario.OFFLINE, Scenario.INTERACTIVE, Scenario.SINGLE_STREAM}
    assert ready_sets.scenarios(mi300x, LLAMA2, allowed) == (Scenario.OFFLINE, Scenario.SERVER, Scenario.INTERACTIVE)
    assert ready_sets.scenarios(trtllm, LLAMA2, allowed) == (Scenario.OFFLINE, Scenario.SERVER)
    assert ready_sets.benchmarks(trtllm) == ["llama2-70b-99", LLAMA2]
    assert ready_sets.machine_named("8xMI300") is None
