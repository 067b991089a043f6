"""vLLM's arguments for several machines: what they require, and what is refused. It needs no vLLM."""

from __future__ import annotations

from typing import Any

import pytest

from submitter.harness.engines import EngineShape, RanksElsewhere
from submitter.harness.engines._vllm_arguments import FIXED, problems, shape

KNOWN = {
    "data_parallel_size": int,
    "data_parallel_size_local": int | None,
    "data_parallel_address": str | None,
    "data_parallel_rpc_port": int | None,
    "data_parallel_backend": str,
    "tensor_parallel_size": int,
    "data_parallel_start_rank": int | None,
    "data_parallel_hybrid_lb": bool,
    "nnodes": int,
}
SPREAD = {"data_parallel_size": 12, "data_parallel_size_local": 4, "data_parallel_address": "10.0.0.1"}


def test_ranks_on_other_machines() -> None:
    found = shape({**SPREAD, "tensor_parallel_size": 2})
    place = RanksElsewhere(count=8, per_node=4, address="10.0.0.1", port=29551, engine_port=29550)
    assert found == EngineShape(devices=8, ranks=12, tensor_parallel=2, elsewhere=place)
    assert found.ranks_here == 4


def test_a_driver_without_ranks_does_not_say_how_many_a_node_has() -> None:
    found = shape({**SPREAD, "data_parallel_size_local": 0, "data_parallel_rpc_port": 4000})
    assert found.elsewhere == RanksElsewhere(count=12, per_node=None, address="10.0.0.1", port=4001, engine_port=4000)
    assert (found.devices, found.ranks_here) == (0, 0)


@pytest.mark.parametrize(
    "settings",
    [{"data_parallel_size": 8}, {**SPREAD, "data_parallel_size": 4}, {**SPREAD, "data_parallel_backend": "ray"}],
)
def test_no_node_is_needed_for_one_machine_nor_for_ray(settings: dict[str, Any]) -> None:
    found = shape(settings)
    assert found.elsewhere is None
    assert found.devices == found.ranks_here == settings["data_parallel_size"]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no address": (
        {"data_parallel_address": None},
        "8 of 12 ranks are on other machines, and data_parallel_address is",
    ),
    "a name": ({"data_parallel_address": "head"}, "data_parallel_address 'head' is not an address"),
    "more here than there are": (
        {"data_parallel_size_local": 13},
        "data_parallel_size_local = 13 of data_parallel_size",
    ),
    "less than none": ({"data_parallel_size_local": -1}, "data_parallel_size_local = -1 of"),
    "the last port": ({"data_parallel_rpc_port": 65535}, "data_parallel_rpc_port = 65535 is not a port with another"),
    "a rank": ({"data_parallel_start_rank": 4}, "'data_parallel_start_rank' cannot be set to 4"),
    "a load balancer": ({"data_parallel_hybrid_lb": True}, "'data_parallel_hybrid_lb' cannot be set to true"),
    "shards over machines": ({"nnodes": 2}, "'nnodes' cannot be set to 2"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    change, expected = REFUSED[name]
    settings = {key: value for key, value in {**SPREAD, **change}.items() if value is not None}
    (problem,) = problems(settings, KNOWN)
    assert expected in problem.message
    assert problem.hint


def test_the_settings_themselves_are_accepted() -> None:
    assert list(problems(SPREAD, KNOWN)) == []
    assert list(problems({**SPREAD, "data_parallel_address": "fd00::1"}, KNOWN)) == []


def test_the_fixed_arguments_are_vllms() -> None:
    pytest.importorskip("vllm")
    from vllm.engine.arg_utils import AsyncEngineArgs

    assert not [key for key in FIXED if key not in AsyncEngineArgs.__dataclass_fields__]
