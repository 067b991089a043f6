"""A whole small campaign on the echo engine: real LoadGen, a model folder whose weights nobody reads, 64 samples."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

EOS = 2
SAMPLES = 64
ANSWER_TOKENS = 8
REPOSITORY = Path(__file__).resolve().parents[2]

USER_CONF = f"""
*.*.performance_sample_count_override = {SAMPLES}
*.Offline.min_query_count = {SAMPLES}
*.Offline.min_duration = 40
*.Offline.target_qps = 3000
*.Server.min_duration = 2000
*.Server.target_qps = 400
"""
ENGINE_TOML = f"""
engine = "echo"
in_flight = 64
[settings]
output_tokens = {ANSWER_TOKENS}
first_token_ms = 20
"""
MEASUREMENTS = {
    "input_data_types": "int32",
    "retraining": "no",
    "starting_weights_filename": "none",
    "weight_data_types": "bf16",
    "weight_transformations": "none",
}


@dataclass
class Campaign:
    """The files of a campaign, to be changed by a test, and the command line to run on it."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "campaign.toml"

    @property
    def output(self) -> Path:
        return self.folder / "out"

    @property
    def tree(self) -> Path:
        return self.output / "preview"

    def measurement(self, scenario: str, name: str) -> Path:
        return self.folder / "measurements" / scenario / name

    def edit(self, path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def submitter(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return submitter(*arguments, **options)


def submitter(*arguments: str, timeout_s: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "submitter.cli", *arguments]
    options.setdefault("cwd", REPOSITORY)
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False, **options)


def make_campaign(folder: Path) -> Campaign:
    tokenizers = pytest.importorskip("tokenizers")
    pytest.importorskip("mlperf_loadgen")
    from submitter.harness.dataset import write_dataset

    model = folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text('{"dtype": "bfloat16"}')
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    (model / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + b"\0\0\0\0")
    words = {"<unk>": 0, "<s>": 1, "</s>": EOS} | {f"word{number}": number for number in range(3, 500)}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(model / "tokenizer.json"))

    rng = random.Random(11)
    prompts = [[rng.randrange(3, 500) for _ in range(rng.randint(8, 30))] for _ in range(SAMPLES)]
    # What echo answers is the prompt's beginning; a tenth of the references differ, so the score is below 100.
    references = [" ".join(f"word{t}" for t in prompt[: ANSWER_TOKENS - 1]) for prompt in prompts]
    references[:6] = ["other"] * 6
    write_dataset(folder / "data", "words", prompts, references, "0" * 64)

    for scenario in ("Offline", "Server"):
        place = folder / "measurements" / scenario
        place.mkdir(parents=True)
        (place / "user.conf").write_text(USER_CONF)
        (place / "engine.toml").write_text(ENGINE_TOML)
        (place / "measurements.json").write_text(json.dumps(MEASUREMENTS))
        (place / "README.md").write_text("run it with submitter\n")
    (folder / "system.json").write_text((REPOSITORY / "systems/cpu-demo.json").read_text())
    (folder / "campaign.toml").write_text(
        """
round = "v6.1"
division = "open"
submitter = "Example"
smoke = true
output = "out"
[system]
id = "echo-system"
description = "system.json"
[limits]
start_s = 60
stall_s = 20
[[benchmarks]]
name = "echo-model"
official = "llama2-70b-99.9"
scenarios = ["Offline", "Server"]
model = "model"
dataset = "data"
measurements = "measurements"
max_new_tokens = 64
eos_token_id = 2
[benchmarks.accuracy_target]
rouge1 = 80.0
"""
    )
    return Campaign(folder)
