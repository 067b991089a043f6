"""A closed llama2-70b-99.9 campaign to rehearse: the echo engine replays answers whose ROUGE is known beforehand.

Prompts, references and answers are generated, the same ones every time, with the lengths of OpenOrca's: about 290
tokens on the mean, up to 1,024. An answer is its reference as far as `matched` words, and then words that no
reference has; so with n words in both ROUGE-1 and ROUGE-L are matched/n, and ROUGE-2 is (matched - 1)/(n - 1).
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from submitter.rulebook import Rulebook, load_rulebook

EOS = 2
BENCHMARK = "llama2-70b-99.9"
SYSTEM = "rehearsal-box"
_FIRST_WORD, _WORDS = 3, 2000
_MEDIAN_TOKENS, _SPREAD, _MOST_TOKENS = 232, 0.7, 1024
_SHARE = 0.46  # of each answer is right: just above what 99.9 % asks of the reference's ROUGE-1
# The columns of llama2-70b's data set as MLCommons publishes it.
_COLUMNS = (
    "id system_prompt question output input tok_input tok_output origin tok_input_length tok_output_length".split()
)


@dataclass(frozen=True)
class Rehearsal:
    """The campaign's file, and what scoring must find: in percent, but for `tokens_per_sample`."""

    file: Path
    output: Path
    documentation: Path
    measurements: Path
    description: Path
    scores: dict[str, float]

    @property
    def tree(self) -> Path:
        return self.output / "preview"

    def fill_in(self) -> int:
        """What a person does with the templates; returns how many marks there were."""
        count = 0
        for path in [*self.documentation.rglob("*.md"), *self.measurements.rglob("*.md"), self.description]:
            text, marks = re.subn(r"TODO\(person\): [^\"|\n]*", "said by a person: 400 Gb/s", path.read_text())
            path.write_text(text)
            count += marks
        fields = json.loads(self.description.read_text())
        chosen = {"status": "available", "system_type": "datacenter"}
        self.description.write_text(json.dumps(fields | chosen))
        for path in self.measurements.rglob("measurements.json"):
            fields = json.loads(path.read_text())
            path.write_text(json.dumps(fields | {"starting_weights_filename": "Llama-2-70b-chat-hf"}))
            count += 1
        return count


def make(folder: Path, samples: int, *, seconds: float) -> Rehearsal:
    """All of a campaign but the documents; performance runs last `seconds`."""
    tokenizers = pytest.importorskip("tokenizers")
    pytest.importorskip("mlperf_loadgen")
    from submitter.datasets import convert
    from submitter.embedded.benchmark import model_folder
    from submitter.harness.dataset import write_dataset

    model = folder / "llama2-70b-fp8"
    model.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):  # nobody runs it, but it must be a whole FP8 checkpoint
        shutil.copyfile(model_folder() / name, model / name)
    right = {f"wa{number}": _FIRST_WORD + number for number in range(_WORDS)}
    wrong = {f"wb{number}": _FIRST_WORD + _WORDS + number for number in range(_WORDS)}
    words = {"<unk>": 0, "<s>": 1, "</s>": EOS} | right | wrong
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.save(str(model / "tokenizer.json"))

    rng = np.random.default_rng(70)
    text_of = {number: word for word, number in words.items()}
    rows, answers, ones, twos = [], [], [], []
    for number, (asked, told) in enumerate(_lengths(rng, 2 * samples).reshape(-1, 2).tolist()):
        prompt = [1, *rng.integers(_FIRST_WORD, _FIRST_WORD + 2 * _WORDS, asked - 1).tolist()]
        reference = rng.integers(_FIRST_WORD, _FIRST_WORD + _WORDS, told - 1).tolist()
        matched = -int(-_SHARE * len(reference) // 1)
        rest = rng.integers(_FIRST_WORD + _WORDS, _FIRST_WORD + 2 * _WORDS, len(reference) - matched).tolist()
        answers.append([*reference[:matched], *rest, EOS])
        ones.append(matched / len(reference))
        twos.append((matched - 1) / (len(reference) - 1))
        output = " ".join(text_of[token] for token in reference)
        row = dict.fromkeys(_COLUMNS, "") | {"id": f"flan.{number}", "tok_input": prompt, "output": output}
        rows.append(row | {"tok_output": reference, "tok_input_length": asked, "tok_output_length": told})
    source = folder / "open_orca.json"
    source.write_text(json.dumps(rows))
    convert(source, folder / "open_orca.safetensors")
    write_dataset(folder / "answers.safetensors", "answers", answers, [""] * samples)

    # All samples take half as long again as LoadGen wants a run to last; Server is asked for less than that rate.
    tokens_per_s = sum(map(len, answers)) / (1.5 * seconds)
    rate = samples / (2 * seconds)
    measurements = folder / "measurements"
    for scenario in ("Offline", "Server"):
        (measurements / scenario).mkdir(parents=True)
        (measurements / scenario / "engine.toml").write_text(
            f'engine = "echo"\nin_flight = 512\n[settings]\nfirst_token_ms = 5\ntokens_per_s = {tokens_per_s:.0f}\n'
            f'replay_prompts = "{folder}/open_orca.safetensors"\nreplay_answers = "{folder}/answers.safetensors"\n'
        )
        (measurements / scenario / "user.conf").write_text(
            f"*.*.performance_sample_count_override = {samples}\n*.*.min_duration = {seconds * 1000:.0f}\n"
            f"*.Offline.min_query_count = {samples}\n*.{scenario}.target_qps = {rate:g}\n"
        )
    limit = "" if samples == 24576 else f"sample_limit = {samples}\n"
    (folder / "closed.toml").write_text(
        f'round = "v6.1"\ndivision = "closed"\nsubmitter = "Example"\nsmoke = true\noutput = "out"\n'
        f'documentation = "documentation"\n[system]\nid = "{SYSTEM}"\ndescription = "{SYSTEM}.json"\n'
        f'[limits]\nstart_s = 120\nstall_s = 60\n[[benchmarks]]\nname = "{BENCHMARK}"\n'
        f'scenarios = ["Offline", "Server"]\nmodel = "{model.name}"\ndataset = "open_orca.safetensors"\n'
        f'measurements = "measurements"\n{limit}'
    )
    scores = {"rouge1": 100 * float(np.mean(ones)), "rouge2": 100 * float(np.mean(twos))}
    scores |= {"rougeL": scores["rouge1"], "tokens_per_sample": float(np.mean([len(a) for a in answers]))}
    return Rehearsal(
        folder / "closed.toml",
        folder / "out",
        folder / "documentation",
        measurements,
        folder / f"{SYSTEM}.json",
        scores,
    )


def submitter(*arguments: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "submitter.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


def moved(made: Rehearsal, folder: Path) -> Rehearsal:
    """A copy of a rehearsal, runs and all, below `folder`."""
    root = made.file.parent
    shutil.copytree(root, folder, dirs_exist_ok=True)
    paths = (made.file, made.output, made.documentation, made.measurements, made.description)
    return Rehearsal(*(folder / path.relative_to(root) for path in paths), scores=made.scores)


def give_seeds(made: Rehearsal, book: Rulebook) -> None:
    """Rewrite every log as the LoadGen of another round would have written it, and the records that vouch for them."""
    version = book.round.loadgen_versions[-1]
    for log in made.output.glob("runs/**/mlperf_log_detail.txt"):
        text = log.read_text().replace('"loadgen_version", "value": "6.0.17', f'"loadgen_version", "value": "{version}')
        for (name, old), (_, new) in zip(load_rulebook("v6.1").seeds, book.seeds, strict=True):
            text = re.sub(rf'(_{name}", "value": ){old}', rf"\g<1>{new}", text)
        log.write_text(text)
        record = json.loads((log.parent / "record.json").read_text())
        record["files"][log.name] = hashlib.sha256(log.read_bytes()).hexdigest()
        record["loadgen_version"] = record["loadgen_version"].replace("6.0.17", version, 1)
        (log.parent / "record.json").write_text(json.dumps(record))
    (made.output / "journal.jsonl").unlink()  # it has the hashes of the records as they were


def _lengths(rng: np.random.Generator, count: int) -> np.ndarray:
    lengths = np.rint(np.exp(rng.normal(np.log(_MEDIAN_TOKENS), _SPREAD, count))).astype(int)
    return np.clip(lengths, 8, _MOST_TOKENS)
