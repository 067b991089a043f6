"""Where an engine of several machines has the driver's address from: engine.toml or, if not there, the environment."""

from __future__ import annotations

import pytest

from submitter.harness.engines import DRIVER_ADDRESS, _vllm_arguments, shape, vllm
from submitter.harness.engines.vllm import EnginePlan

SPREAD = {"data_parallel_size": 2, "data_parallel_size_local": 1}
PLAN = EnginePlan(model="/model", max_new_tokens=8, eos_token_id=2)


@pytest.mark.parametrize("engine", ["echo", "vllm"])
@pytest.mark.parametrize(
    ("written", "address"), [({}, "10.0.0.7"), ({"data_parallel_address": "10.0.0.1"}, "10.0.0.1")]
)
def test_the_environment_has_it_unless_engine_toml_does(
    monkeypatch: pytest.MonkeyPatch, engine: str, written: dict[str, str], address: str
) -> None:
    monkeypatch.setenv(DRIVER_ADDRESS, "10.0.0.7")
    elsewhere = shape(engine, {**SPREAD, **written}).elsewhere
    assert elsewhere is not None
    assert elsewhere.address == address


def test_vllm_gets_the_address_as_its_own_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DRIVER_ADDRESS, "10.0.0.7")
    assert vllm._arguments(SPREAD, PLAN)["data_parallel_address"] == "10.0.0.7"
    assert "data_parallel_address" not in vllm._arguments({}, PLAN)


def test_where_neither_has_it_the_message_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DRIVER_ADDRESS, raising=False)
    known = {"data_parallel_size": int, "data_parallel_size_local": int}
    (problem,) = _vllm_arguments.problems(SPREAD, known)
    assert "data_parallel_address is not set" in problem.message
    assert DRIVER_ADDRESS in problem.hint
    monkeypatch.setenv(DRIVER_ADDRESS, "10.0.0.7")
    assert not list(_vllm_arguments.problems(SPREAD, known))
