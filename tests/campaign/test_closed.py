"""Tuning knobs: open campaigns have them, closed ones are told the clause that forbids them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from submitter.campaign.closed import reference_problems
from submitter.campaign.file import BenchmarkTable, validated
from submitter.campaign.measurements import engine_settings
from submitter.errors import InputError, NotInstalledError, raise_all
from submitter.harness.engines import check_settings
from submitter.harness.plan import EngineSettings
from submitter.harness.sampling import Sampling
from submitter.model import Scenario
from submitter.rulebook import load_rulebook

RULES = load_rulebook("v6.1").benchmark("llama2-70b-99.9")
KNOBS: dict[str, Any] = {
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.9,
    "min_p": 0.1,
    "seed": 1,
    "repetition_penalty": 1.1,
    "presence_penalty": 0.5,
    "frequency_penalty": 0.5,
    "num_beams": 4,
    "length_penalty": 0.8,
    "early_stopping": False,
}


def table(folder: Path, **changed: Any) -> BenchmarkTable:
    fields = {"name": "llama2-70b-99.9", "scenarios": ["Server"], "model": "m", "dataset": "d", "measurements": folder}
    return BenchmarkTable.model_validate(fields | changed)


def engine(**sampling: Any) -> dict[Scenario, EngineSettings]:
    return {Scenario.SERVER: EngineSettings(engine="echo", sampling=Sampling(**sampling))}


def test_every_knob_is_tried_here() -> None:
    assert set(KNOBS) == set(Sampling.model_fields)


def require_reference(*arguments: Any) -> None:
    raise_all(list(reference_problems(*arguments)))


@pytest.mark.parametrize("knob", KNOBS)
def test_a_knob_is_refused_in_the_closed_division_with_its_clause(knob: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"Server: engine\.toml: \[sampling\] {knob} = .* open division") as caught:
        require_reference(table(tmp_path), RULES, engine(**{knob: KNOBS[knob]}))
    wanted = "Model Equivalence" if knob in ("num_beams", "length_penalty", "early_stopping") else "LLM Benchmarks"
    assert f'inference_rules.adoc, section "{wanted}"' in caught.value.message
    assert 'division = "open"' in caught.value.hint


def test_speculative_decoding_is_not_for_these_benchmarks(tmp_path: Path) -> None:
    settings = {"speculative_config": {"method": "ngram", "num_speculative_tokens": 3}}
    chosen = {Scenario.SERVER: EngineSettings(engine="vllm", settings=settings)}
    with pytest.raises(
        InputError, match=r"\[settings\] speculative_config is allowed in the open division .* it lists"
    ):
        require_reference(table(tmp_path), RULES, chosen)
    require_reference(table(tmp_path), RULES, {Scenario.SERVER: EngineSettings(engine="vllm")})


def test_what_the_reference_does_may_be_said(tmp_path: Path) -> None:
    """The reference's own values are accepted; one step away from each, the same call refuses."""
    require_reference(table(tmp_path), RULES, engine(temperature=0, num_beams=1, early_stopping=True))
    require_reference(table(tmp_path, max_new_tokens=1024, eos_token_id=2), RULES, engine())
    for other in (engine(temperature=0.1), engine(num_beams=2), engine(early_stopping=False)):
        with pytest.raises(InputError):
            require_reference(table(tmp_path), RULES, other)


@pytest.mark.parametrize(
    ("changed", "clause"),
    [({"max_new_tokens": 512}, "the maximum output length"), ({"eos_token_id": 5}, "its end-of-sequence token")],
)
def test_answers_end_where_the_references_do(changed: dict[str, int], clause: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=clause):
        require_reference(table(tmp_path, **changed), RULES, engine())


def test_engine_toml_takes_knobs_and_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "Server").mkdir()
    conf = tmp_path / "Server" / "engine.toml"
    conf.write_text('engine = "echo"\n[sampling]\ntemperature = 0.5\ntop_k = 3\n')
    assert engine_settings(table(tmp_path), Scenario.SERVER).sampling.chosen == {"temperature": 0.5, "top_k": 3}
    conf.write_text('engine = "echo"\n[sampling]\ntemprature = 0.5\n')
    with pytest.raises(InputError, match=r"unknown key 'sampling\.temprature'") as caught:
        engine_settings(table(tmp_path), Scenario.SERVER)
    assert "did you mean 'temperature'?" in caught.value.hint


def test_values_have_their_ranges() -> None:
    for bad in ({"top_p": 0}, {"temperature": -1}, {"num_beams": 0}, {"presence_penalty": 3}):
        with pytest.raises(InputError):
            validated(EngineSettings, {"engine": "echo", "sampling": bad}, "engine.toml")


@pytest.mark.parametrize(
    ("sampling", "words"),
    [({"num_beams": 2}, "no 'num_beams'"), ({"length_penalty": 1.0}, "no 'length_penalty'")],
)
def test_vllm_says_what_it_cannot_do(sampling: dict[str, Any], words: str) -> None:
    pytest.importorskip("vllm")
    with pytest.raises(InputError, match=words):
        check_settings("vllm", {}, Sampling(**sampling))


def test_vllm_is_given_the_others() -> None:
    pytest.importorskip("vllm")
    from submitter.harness import engines

    chosen = {name: value for name, value in KNOBS.items() if name not in ("num_beams", "length_penalty")}
    check_settings("vllm", {}, Sampling(**chosen, num_beams=1))
    folder = Path(__file__).resolve().parents[2] / "submitter/embedded/model"
    plan = engines.EnginePlan(model=str(folder), max_new_tokens=7, eos_token_id=2)
    made: Any = engines.create("vllm", {}, plan, Sampling(**chosen))
    for name in set(chosen) - {"early_stopping"}:
        assert getattr(made._parameters, name) == chosen[name]
    made._engine = object()  # as of a version that has none of what the harness uses
    with pytest.raises(NotInstalledError, match=r"^vLLM \S+ has another engine core than \S+, which .* no attribute"):
        asyncio.run(made._checked_core_requests())
    greedy: Any = engines.create("vllm", {}, plan)
    assert greedy._parameters.temperature == 0
    assert greedy._parameters.max_tokens == 7
