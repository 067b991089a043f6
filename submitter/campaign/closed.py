"""What the closed division forbids of a campaign, with the clause of the rules that does.

Clauses are of inference_rules.adoc, mlcommons/inference_policies at ac93e89. The network division has the closed one's.
"""

from __future__ import annotations

from typing import Any

from submitter.campaign.file import BenchmarkTable
from submitter.errors import InputError
from submitter.harness.plan import EngineSettings
from submitter.model import Scenario
from submitter.rulebook import Benchmark

_GREEDY = 'section "LLM Benchmarks": this benchmark decodes by greedy search'
_LENGTH = 'section "LLM Benchmarks": the maximum output length is the reference\'s (table "max_new_tokens")'
_BEAMS = 'section "Model Equivalence": the number of beams is the reference\'s, and all are treated alike'
_MODEL = 'section "Model Equivalence": the model is the reference\'s, and with it where an answer ends'
_SPECULATION = 'section "Model Equivalence": speculative decoding is for the workloads that it lists'

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
# What the reference sets itself (language/llama2-70b/SUT.py, gen_kwargs; mlcommons/inference b66003e1) may be said.
_OF_THE_REFERENCE: dict[str, Any] = {"temperature": 0.0, "num_beams": 1, "early_stopping": True}


def require_reference(table: BenchmarkTable, rules: Benchmark, settings: dict[Scenario, EngineSettings]) -> None:
    """InputError for the first thing about answers that is not as the reference implementation has it."""
    for key, allowed, clause in (
        ("max_new_tokens", rules.max_new_tokens, _LENGTH),
        ("eos_token_id", rules.eos_token_id, _MODEL),
    ):
        found = getattr(table, key)
        if found is not None and allowed is not None and found != allowed:
            raise _refused(f"benchmark '{table.name}': {key} = {found}", clause, f"remove it: it is {allowed}")
    for scenario, engine in settings.items():
        for key, value in engine.settings.items():
            # As vLLM calls its arguments; other engines have none.
            if key.startswith("spec") and value is not None:
                where = f"benchmark '{table.name}', {scenario}: engine.toml: [settings] {key}"
                raise _refused(where, _SPECULATION, f'remove {key}, or submit to division = "open"')
        for key, value in engine.sampling.chosen.items():
            if key not in _OF_THE_REFERENCE or value != _OF_THE_REFERENCE[key]:
                where = f"benchmark '{table.name}', {scenario}: engine.toml: [sampling] {key} = {value}"
                raise _refused(where, _SAMPLING_CLAUSES[key], f'remove {key}, or submit to division = "open"')


def _refused(what: str, clause: str, hint: str) -> InputError:
    return InputError(f"{what} is for the open division only: inference_rules.adoc, {clause}", hint)
