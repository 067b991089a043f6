"""Settings that the closed division forbids, each with the clause of the rules that forbids it.

The clauses are in inference_rules.adoc, mlcommons/inference_policies at ac93e89. They also apply to the network
division.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from submitter.campaign.file import BenchmarkTable
from submitter.errors import InputError
from submitter.harness.plan import EngineSettings
from submitter.model import Scenario
from submitter.rulebook_tables import Benchmark

_GREEDY = 'section "LLM Benchmarks": this benchmark uses greedy decoding'
_LENGTH = 'section "LLM Benchmarks": the maximum output length is the reference\'s (table "max_new_tokens")'
_BEAMS = 'section "Model Equivalence": the number of beams is the reference\'s, and all beams are treated alike'
_MODEL = 'section "Model Equivalence": the model is the reference\'s, and so is its end-of-sequence token'
_SPECULATION = 'section "Model Equivalence": speculative decoding is allowed for the workloads that it lists'

_SAMPLING_CLAUSES = {
    "temperature": _GREEDY,
    "top_k": _GREEDY,
    "top_p": _GREEDY,
    "min_p": _GREEDY,
    "seed": _GREEDY,
    "repetition_penalty": _GREEDY,
    "presence_penalty": _GREEDY,
    "frequency_penalty": _GREEDY,
    "num_beams": _BEAMS,
    "length_penalty": _BEAMS,
    "early_stopping": _BEAMS,
}
# The reference sets these itself (language/llama2-70b/SUT.py, gen_kwargs; mlcommons/inference b66003e1): allowed.
_REFERENCE_SAMPLING: dict[str, Any] = {"temperature": 0.0, "num_beams": 1, "early_stopping": True}


def reference_problems(
    table: BenchmarkTable, rules: Benchmark, settings: dict[Scenario, EngineSettings]
) -> Iterator[InputError]:
    """An error for each setting that makes the answers differ from those of the reference implementation."""
    for key, allowed, clause in (
        ("max_new_tokens", rules.max_new_tokens, _LENGTH),
        ("eos_token_id", rules.eos_token_id, _MODEL),
    ):
        found = getattr(table, key)
        if found is not None and allowed is not None and found != allowed:
            yield _open_only(
                f"benchmark '{table.name}': {key} = {found}", clause, f"remove it: the benchmark has {allowed}"
            )
    for scenario, engine in settings.items():
        for key, value in engine.settings.items():
            # These are vLLM's names; the other engines have no speculative decoding.
            if key.startswith("spec") and value is not None:
                where = f"benchmark '{table.name}', {scenario}: engine.toml: [settings] {key}"
                yield _open_only(where, _SPECULATION, f'remove {key}, or set division = "open"')
        for key, value in engine.sampling.chosen.items():
            if key not in _REFERENCE_SAMPLING or value != _REFERENCE_SAMPLING[key]:
                where = f"benchmark '{table.name}', {scenario}: engine.toml: [sampling] {key} = {value}"
                yield _open_only(where, _SAMPLING_CLAUSES[key], f'remove {key}, or set division = "open"')


def _open_only(what: str, clause: str, hint: str) -> InputError:
    return InputError(f"{what} is allowed in the open division only: inference_rules.adoc, {clause}", hint)
