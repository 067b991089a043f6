"""`submitter tune` with real LoadGen, on an engine whose capacity is known; slow: on vLLM with the embedded model."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

CAPACITY_QPS = 400
FULL_S = 12
USER_CONF = f"""
*.*.performance_sample_count_override = 64
*.Offline.target_qps = 3000
*.Server.min_duration = {FULL_S * 1000}
*.Server.target_qps = 150
*.Server.ttft_latency = 400
"""
ENGINE_TOML = f"""
engine = "echo"
in_flight = 4096
[settings]
output_tokens = 8
first_token_ms = 5
per_token_ms = 1
tokens_per_s = {8 * CAPACITY_QPS}
"""


def tuned(campaign: Any, *options: str) -> tuple[float, Any]:
    done = campaign.submitter("tune", str(campaign.file), "--scenario", "Server", *options)
    assert "Traceback" not in done.stderr
    found = re.search(r"^target_qps = ([\d.]+), (NOT confirmed|confirmed)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout + done.stderr
    assert (found[2] == "confirmed") == (done.returncode == 0)
    return float(found[1]), done


def test_a_known_capacity_is_found_written_and_resumed(campaign: Any) -> None:
    conf = campaign.measurement("Server", "user.conf")
    for scenario in ("Offline", "Server"):
        campaign.measurement(scenario, "user.conf").write_text(USER_CONF)
        campaign.measurement(scenario, "engine.toml").write_text(ENGINE_TOML)

    # A budget for two probes only: what it knows is kept, user.conf is not touched.
    short, done = tuned(campaign, "--budget", "12s", "--write")
    assert done.returncode == 1
    assert conf.read_text() == USER_CONF
    journal = campaign.output / "tune/echo-system/echo-model/Server.json"
    first = json.loads(journal.read_text())["probes"]
    assert first
    assert short <= CAPACITY_QPS * 1.05

    qps, done = tuned(campaign, "--budget", "3m")
    assert done.returncode == 0
    assert qps == pytest.approx(CAPACITY_QPS, rel=0.03)
    assert conf.read_text() == USER_CONF
    probes = json.loads(journal.read_text())["probes"]
    assert probes[: len(first)] == first
    confirming = [p for p in probes if p["kind"] == "full" and p["target_qps"] == qps]
    assert [p["verdict"] for p in confirming] == ["pass"]
    assert len(done.stdout.split("probe  ")) - 1 == sum(p["kind"] == "probe" for p in probes)

    # Everything is known now, so nothing is run, and what was found is written where it belongs.
    again, done = tuned(campaign, "--write")
    assert again == qps
    assert "loading" not in done.stderr
    assert conf.read_text() == USER_CONF.replace("target_qps = 150", f"target_qps = {qps:g}")
    assert [path.name for path in journal.parent.iterdir() if path.is_dir()] == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--scenario", "Offline"), "no token latencies to search by"),
        (("--scenario", "Interactive"), "the campaign has no benchmark with Interactive"),
        (("--scenario", "Server", "--budget", "soon"), "'soon' is not a time"),
        (("--scenario", "Server", "--benchmark", "other"), "unknown benchmark of the campaign 'other'"),
    ],
)
def test_what_cannot_be_searched_is_said(campaign: Any, options: tuple[str, ...], words: str) -> None:
    done = campaign.submitter("tune", str(campaign.file), *options)
    assert done.returncode == 2
    assert words in done.stderr


VLLM_TOML = """
engine = "vllm"
in_flight = 256
warm_up_prompts = 32
[settings]
dtype = "bfloat16"
kv_cache_dtype = "fp8"
enforce_eager = true
max_model_len = 512
max_num_seqs = 64
max_num_batched_tokens = 2048
[env]
VLLM_CPU_KVCACHE_SPACE = "1"
VLLM_LOGGING_LEVEL = "WARNING"
"""


@pytest.mark.slow
def test_the_embedded_model_on_vllm(campaign: Any) -> None:
    pytest.importorskip("vllm")
    repository = Path(__file__).resolve().parents[2]
    text = campaign.file.read_text().replace('model = "model"\ndataset = "data"', 'model = "embedded"')
    own = r'dataset = .*|name = "echo-model"|official = .*|max_new.*|eos_.*|\[benchmarks\.acc.*|rouge1.*'
    table = '[[benchmarks]]\nname = "tiny-llama"\ndataset = "embedded"\nsample_limit = 512'
    text = re.sub(own, "", text).replace("[[benchmarks]]", table)
    campaign.file.write_text(text.replace("start_s = 60", "start_s = 300").replace("stall_s = 20", "stall_s = 120"))
    for scenario in ("Offline", "Server"):
        campaign.measurement(scenario, "engine.toml").write_text(VLLM_TOML)
        campaign.measurement(scenario, "user.conf").write_text(
            "*.*.performance_sample_count_override = 512\n*.Offline.min_query_count = 512\n"
            "*.*.min_duration = 40000\n*.Server.target_qps = 10\n*.Offline.target_qps = 200\n"
        )
    assert (repository / "submitter/embedded/model").is_dir()
    done = campaign.submitter("tune", str(campaign.file), "--scenario", "Server", "--budget", "8m", timeout_s=900)
    found = re.search(r"^target_qps = ([\d.]+), confirmed", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) > 10
    print(done.stdout)
