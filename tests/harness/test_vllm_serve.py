"""Engine `endpoint` against a real `vllm serve` with FP8 weights: the same answers as vLLM in LoadGen's process."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("vllm")
pytest.importorskip("uvicorn", reason="vllm serve needs uvicorn")
pytest.importorskip("mlperf_loadgen")

import torch
from echo_sessions import EOS, USER_CONF, Watched
from vllm_server import vllm_serve

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.embedded.dataset import generate
from submitter.harness.engines import EnginePlan
from submitter.harness.plan import EngineSettings, RunPlan, SessionPlan
from submitter.harness.supervisor import Finished, Limits, run_session
from submitter.layout import ACCURACY_LOG
from submitter.logs import read_accuracy
from submitter.model import Mode, Scenario

SAMPLES = 64
IN_PROCESS = {
    "dtype": "bfloat16",
    "kv_cache_dtype": "fp8",
    "enforce_eager": True,
    "max_model_len": 512,
    "max_num_seqs": 64,
}
RUNS = [
    (Scenario.OFFLINE, Mode.ACCURACY),
    (Scenario.OFFLINE, Mode.PERFORMANCE),
    (Scenario.SERVER, Mode.PERFORMANCE),
]
Answers = dict[int, list[int]]


def session(
    folder: Path, engine: str, settings: dict[str, Any], runs: list[tuple[Scenario, Mode]], in_flight: int
) -> tuple[list[Finished], dict[Scenario, Answers]]:
    benchmark = load_benchmark()
    folder.mkdir()
    data, conf = folder / "data", folder / "user.conf"
    generate(data, "few", model_folder() / "tokenizer.json", SAMPLES)
    conf.write_text(USER_CONF + "*.Server.min_duration = 5000\n*.Server.target_qps = 20\n")
    finished: list[Finished] = []
    answers: dict[Scenario, Answers] = {}

    def keep(done: Finished) -> None:
        finished.append(done)
        if done.run.mode is Mode.ACCURACY:
            answers[done.run.scenario] = {
                entry.qsl_idx: list(array("i", entry.data)) for entry in read_accuracy(done.folder / ACCURACY_LOG)
            }

    plan = SessionPlan(
        engine=EngineSettings(
            engine=engine,
            in_flight=in_flight,
            warm_up_prompts=4,
            settings=settings,
            env={"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "WARNING"},
        ),
        engine_plan=EnginePlan(model=str(model_folder()), max_new_tokens=benchmark.max_new_tokens, eos_token_id=EOS),
        dataset=data,
        runs=tuple(
            RunPlan(
                scenario=scenario,
                mode=mode,
                loadgen_model="llama2-70b",
                user_conf=conf,
                folder=folder / "runs" / scenario / mode,
                expected_samples=SAMPLES,
                expected_s=1.0,
            )
            for scenario, mode in runs
        ),
    )
    run_session(plan, folder / "work", Limits(240, 60), Watched(), keep)
    return finished, answers


@pytest.mark.slow
@pytest.mark.skipif(not torch.cpu._is_avx512_bf16_supported(), reason="needs a CPU with AVX-512 bf16")
def test_vllm_serve_gives_the_answers_of_vllm_in_process(tmp_path: Path) -> None:
    """One request at a time, because the batch that a request is in changes the rounding, and so a rare token."""
    one_by_one = [(Scenario.SERVER, Mode.ACCURACY)]
    with vllm_serve(tmp_path / "serve.log", "--no-enable-prefix-caching") as url:
        finished, batched = session(tmp_path / "batched", "endpoint", {"urls": [url]}, RUNS, in_flight=64)
        _, served = session(tmp_path / "served", "endpoint", {"urls": [url]}, one_by_one, in_flight=1)
    assert len(finished) == len(RUNS)
    for done in finished:
        print(f"{done.run.label}: {done.sample_count} samples, {done.token_count} tokens in {done.duration_s:.1f} s")
        assert done.log.errors == ()
        assert done.answers == {url: done.sample_count}
    facts = finished[0].engine_facts
    for name, value in facts.items():
        print(f"{name.replace(url, 'URL')}: {value}")
    assert facts[f"{url} model"] == "tiny-llama"
    assert facts[f"{url} max_model_len"] == "512"
    assert facts[f"{url} prefix_caching"] == "off (/metrics: vllm:cache_config_info)"
    assert facts[f"{url} cache_dtype"] == "fp8"

    _, in_process = session(tmp_path / "in_process", "vllm", IN_PROCESS, one_by_one, in_flight=1)
    expected = in_process[Scenario.SERVER]
    assert sorted(expected) == list(range(SAMPLES))
    for name, found in (("one by one", served[Scenario.SERVER]), ("64 at once", batched[Scenario.OFFLINE])):
        same = sum(found[index] == expected[index] for index in range(SAMPLES))
        print(f"{name}: {same} of {SAMPLES} answers are those of vLLM in process")
        assert same >= 0.9 * SAMPLES
    assert served[Scenario.SERVER] == expected
