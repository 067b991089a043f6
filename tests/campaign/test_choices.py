"""Defaults for what was not chosen, and the nearest right value for what was chosen wrongly."""

from __future__ import annotations

import pytest

from submitter.campaign import ready_sets
from submitter.campaign.choices import Choices, Given, Host, decide, sources
from submitter.campaign.file import NO_NAME
from submitter.datasets.official import official_files
from submitter.errors import InputError, SeveralErrors
from submitter.model import Scenario
from submitter.rulebook import load_rulebook, round_names
from submitter.system.accelerator import Accelerator, Accelerators

GIB = 2**30


def host(count: int = 0, name: str = "NVIDIA H100 80GB HBM3", gib: int = 80, server: str = "") -> Host:
    device = Accelerator(name=name, uuid=None, memory_bytes=gib * GIB)
    found = Accelerators(devices=(device,) * count, driver=name.split()[0] if count else "")
    return Host(accelerators=found, numa_nodes={0: "0-7", 1: "8-15"}, server_name=server, description={})


def chosen(where: Host, **given: object) -> Choices:
    return decide(where, Given(**given))  # type: ignore[arg-type]


def test_without_an_accelerator_it_is_the_embedded_benchmark() -> None:
    found = chosen(host())
    assert (found.benchmark, found.division, found.scenario) == (("tiny-llama",), "open", ("Offline", "Server"))
    assert (found.model, found.dataset, found.system_id) == ("embedded", "embedded", "cpu-demo")
    assert (found.submitter, found.round, found.status) == (NO_NAME, round_names()[-1], "available")


def test_with_accelerators_it_is_a_closed_submission_of_all_scenarios() -> None:
    found = chosen(host(8, server="Dell Inc. PowerEdge XE9680"))
    assert (found.benchmark, found.division) == (("llama2-70b-99.9",), "closed")
    assert found.scenario == ("Offline", "Server", "Interactive")
    assert found.system_id == "XE9680_8xH100-SXM-80GB"
    assert found.is_this_host


@pytest.mark.parametrize("round_name", round_names())
def test_every_round_has_defaults(round_name: str) -> None:
    found = chosen(host(8), round=round_name)
    assert found.scenario[:2] == ("Offline", "Server")


def test_a_model_that_does_not_fit_gives_way_to_a_smaller_one() -> None:
    assert chosen(host(1, "NVIDIA L4", 24)).benchmark == ("llama3.1-8b",)
    with pytest.raises(InputError, match="about 69 GB of weights"):
        chosen(host(1, "NVIDIA L4", 24), benchmark=("llama2-70b-99.9",))


def test_a_named_set_is_for_another_machine() -> None:
    found = chosen(host(), system_id="8xMI300X")
    assert found.machine is not None
    assert (found.machine.count, found.machine.vendor, found.is_this_host) == (8, "AMD", False)
    assert chosen(host(8, "AMD Instinct MI300X OAM", 192), system_id="8xMI300X").is_this_host


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ({"round": "6.1"}, "unknown round '6.1'", "did you mean 'v6.1'?"),
        ({"division": "close"}, "unknown division 'close'", "did you mean 'closed'?"),
        ({"benchmark": ("llama2-70b",)}, "unknown benchmark 'llama2-70b'", "did you mean 'llama2-70b-99'?"),
        ({"scenario": ("server",)}, "unknown scenario 'server'", "did you mean 'Server'?"),
        ({"status": "avail"}, "unknown status 'avail'", "did you mean 'available'?"),
        ({"submitter": "My Company"}, "--submitter 'My Company' cannot be the name of a folder", "use letters"),
        ({"system_id": "../x"}, "--system-id '../x' cannot be the name of a folder", "use letters"),
        ({"model": " "}, "--model is empty", "leave it out"),
        ({"benchmark": ("tiny-llama",), "division": "closed"}, "not an MLPerf benchmark", "--division open"),
        (
            {"benchmark": ("llama3.1-8b", "llama2-70b-99.9"), "model": "m"},
            "are for one benchmark",
            "edit the campaign file",
        ),
    ],
)
def test_a_wrong_choice_gets_the_nearest_right_one(given: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        chosen(host(8), **given)
    assert message in error.value.message
    assert hint in error.value.hint


def test_a_set_with_servers_has_its_own_benchmarks_and_scenarios() -> None:
    name = "8xH100-SXM-80GB_TRT-LLM"
    elsewhere = chosen(host(), system_id=name)
    here = chosen(host(8, "NVIDIA H100 80GB HBM3", 80), system_id=name)
    for found, is_this_host in ((elsewhere, False), (here, True)):
        assert found.machine is not None
        assert (found.machine.server, found.is_this_host) == ("TRT-LLM", is_this_host)
        assert (found.benchmark, found.system_id) == (("llama2-70b-99.9",), name)
        assert found.scenario == (Scenario.OFFLINE, Scenario.SERVER)
    with pytest.raises(InputError, match=f"the ready set {name} has no settings for llama3.1-8b") as error:
        chosen(host(), system_id=name, benchmark=("llama3.1-8b",))
    assert error.value.hint == "take one that it has: --benchmark llama2-70b-99 or llama2-70b-99.9"
    with pytest.raises(InputError, match="unknown scenario"):
        chosen(host(), system_id=name, scenario=("Interactive",))


def test_all_wrong_choices_are_reported_at_once() -> None:
    with pytest.raises(SeveralErrors) as error:
        chosen(host(8), round="v9", division="none", status="soon")
    assert len(error.value.problems) == 3


@pytest.mark.parametrize("name", ["8xMI300Y", "8xH100-SXM-80Gb"])
def test_a_misspelt_set_does_not_become_the_name_of_a_cpu(name: str) -> None:
    with pytest.raises(InputError, match=f"no ready set is named '{name}'") as error:
        chosen(host(), system_id=name)
    assert error.value.hint.startswith("did you mean '8x")
    assert chosen(host(8), system_id=name).system_id == name
    assert chosen(host(), system_id="my-desk").system_id == "my-desk"


def test_a_benchmark_without_an_accelerator_names_the_machines() -> None:
    with pytest.raises(InputError, match=r"no accelerator for llama3\.1-8b") as error:
        chosen(host(), benchmark=("llama3.1-8b",))
    assert "--system-id 1xH200-SXM-141GB or 8xB200" in error.value.hint


def test_a_driver_that_does_not_answer_is_not_no_accelerator() -> None:
    silent = Host(accelerators=None, numa_nodes={}, server_name="", description={})
    with pytest.raises(InputError, match="neither its library nor its tool answers"):
        decide(silent, Given())
    assert decide(silent, Given(system_id="8xMI300X")).machine is not None


def test_the_data_sets_are_those_that_mlcommons_publishes() -> None:
    assert sources("v6.1", "llama3.1-8b") == ("cnn_eval.json", "Llama-3.1-8B-Instruct")
    for name in round_names():
        for benchmark in set(ready_sets.benchmarks()) & load_rulebook(name).benchmarks.keys():
            assert sources(name, benchmark)[0] in official_files()
