"""Mistakes in a scenario's engine.toml."""

from __future__ import annotations

from mistakes.edits import Edit, append, remove, replace
from mistakes.record import Base, Mistake, Stage

_SERVER = "measurements/Server/engine.toml"


def _settings(line: str) -> Edit:
    return replace(_SERVER, "[settings]\n", f"[settings]\n{line}\n")


MISTAKES = (
    Mistake(
        id="engine-missing",
        what="no engine.toml",
        make=remove(_SERVER),
        message=f"there is no engine settings file {_SERVER}",
        remedy="docs/engines.md",
    ),
    Mistake(
        id="engine-toml-syntax",
        what="a value without quotes: engine = vllm",
        make=replace(_SERVER, '"vllm"', "vllm"),
        message=f"{_SERVER} is not a TOML file",
    ),
    Mistake(
        id="engine-unknown",
        what="a misspelt engine: vlm",
        make=replace(_SERVER, '"vllm"', '"vlm"'),
        message="unknown engine 'vlm'",
        remedy="did you mean 'vllm'?",
    ),
    Mistake(
        id="engine-unknown-key",
        what="a misspelt key of ours: inflight",
        make=replace(_SERVER, "in_flight", "inflight"),
        message="unknown key 'inflight'",
        remedy="did you mean 'in_flight'?",
    ),
    Mistake(
        id="engine-order-misspelt",
        what="a misspelt order: longest_frist",
        make=replace(_SERVER, '"as_issued"', '"longest_frist"'),
        message="offline_order",
        remedy="did you mean 'longest_first'?",
    ),
    Mistake(
        id="engine-none-in-flight",
        what="in_flight = 0",
        make=replace(_SERVER, "in_flight = 12288", "in_flight = 0"),
        message="in_flight",
    ),
    Mistake(
        id="engine-unknown-setting",
        what="a misspelt argument of vLLM: max_num_seq",
        make=replace(_SERVER, "max_num_seqs = ", "max_num_seq = "),
        message="vLLM has no engine argument 'max_num_seq'",
        remedy="did you mean 'max_num_seqs'?",
    ),
    Mistake(
        id="engine-setting-of-wrong-type",
        what="a number in quotes",
        make=replace(_SERVER, "max_num_seqs = 2476", 'max_num_seqs = "2476"'),
        message="'max_num_seqs' cannot be '2476'",
    ),
    Mistake(
        id="engine-cache-type",
        what="a type of KV cache that vLLM does not have: fp9",
        make=replace(_SERVER, '"fp8"', '"fp9"'),
        message="'kv_cache_dtype' cannot be 'fp9'",
        remedy="did you mean 'fp8'?",
    ),
    Mistake(
        id="engine-prefix-caching",
        what="prefix caching",
        make=_settings("enable_prefix_caching = true"),
        message="'enable_prefix_caching' cannot be set to true",
        remedy="the rules forbid caching across queries",
    ),
    Mistake(
        id="engine-other-model",
        what="the model named again in [settings]",
        make=_settings('model = "/models/other"'),
        message="'model' cannot be set to '/models/other'",
        remedy="the campaign names the model",
    ),
    Mistake(
        id="engine-sampling",
        what="sampling in the closed division",
        make=append(_SERVER, "[sampling]\ntemperature = 0.7\n"),
        message="[sampling] temperature = 0.7 is allowed in the open division only",
        remedy="remove temperature",
    ),
    Mistake(
        id="engine-sampling-misspelt",
        what="a misspelt sampling key: temprature",
        make=append(_SERVER, "[sampling]\ntemprature = 0.0\n"),
        message="unknown key 'sampling.temprature'",
        remedy="did you mean 'temperature'?",
    ),
    Mistake(
        id="engine-speculation",
        what="speculative decoding in the closed division",
        make=_settings('speculative_config = {method = "ngram"}'),
        message="speculative_config is allowed in the open division only",
        remedy="remove speculative_config",
    ),
    Mistake(
        id="engine-dummy-weights",
        what="random weights left over from a speed test: load_format = dummy",
        make=_settings('load_format = "dummy"'),
        message="engine 'vllm' serves no model with these settings",
        remedy="load_format",
    ),
    Mistake(
        id="engine-echo",
        what="the engine of a rehearsal in a full campaign",
        make=lambda made: made.measurement("Server", "engine.toml").write_text('engine = "echo"\n'),
        message="engine 'echo' serves no model",
        remedy="choose another engine",
    ),
    Mistake(
        id="engine-secret",
        what="a secret in [env]",
        make=append(_SERVER, 'HF_TOKEN = "hf_abcdefghijklmnopqrstuvwxyz"\n'),
        message="HF_TOKEN looks like a secret",
        remedy="set it in the shell",
    ),
    Mistake(
        id="engine-env-number",
        what="an environment variable as a number",
        make=append(_SERVER, "OMP_NUM_THREADS = 8\n"),
        message="'env.OMP_NUM_THREADS' is 8, and must be a text in quotes",
    ),
    Mistake(
        id="engine-answers-do-not-fit",
        what="a max_model_len that holds no prompt with its whole answer",
        make=replace(_SERVER, "max_model_len = 2048", "max_model_len = 1024"),
        message="the engine takes 1024 tokens, the longest prompt and its answer may have 1028",
        remedy="max_model_len",
        also=("Server",),
    ),
    Mistake(
        id="engine-memory-in-percent",
        what="gpu_memory_utilization in percent",
        make=replace(_SERVER, "gpu_memory_utilization = 0.9", "gpu_memory_utilization = 90.0"),
        message="gpu_memory_utilization = 90 is not a share of the memory",
        also=("Server",),
    ),
    Mistake(
        id="engine-parallel-heads",
        what="a tensor_parallel_size that does not divide the 64 attention heads",
        make=replace(_SERVER, "tensor_parallel_size = 2", "tensor_parallel_size = 3"),
        message="tensor parallelism over 3 devices does not divide the model's 64 attention heads",
        also=("Server",),
    ),
    Mistake(
        id="engine-too-many-accelerators",
        what="more processes than the system has accelerators",
        make=replace(_SERVER, "data_parallel_size = 4", "data_parallel_size = 8"),
        message="Server: the engine uses 16 devices, system.json describes 8",
    ),
    Mistake(
        id="engine-cores",
        what="cores in [binding] that the machine does not have",
        base=Base.REHEARSAL,
        make=append(_SERVER, '[binding]\nharness = "65000-65001"\n'),
        stage=Stage.PREFLIGHT,
        varies=True,
        message="[binding] names core 65000",
        code=3,
    ),
    Mistake(
        id="engine-not-cores",
        what="a text in [binding] that is not a list of cores",
        make=append(_SERVER, '[binding]\nharness = "all"\n'),
        message="'all' is not a list of cores",
    ),
)
