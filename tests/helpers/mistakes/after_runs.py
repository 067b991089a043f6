"""Mistakes after the runs, before the tree: in what was recorded, and in what was changed since."""

from __future__ import annotations

import json
import shutil

from ready_campaign import SYSTEM, Ready, write_samples, write_tokenizer

from mistakes.edits import Edit, all_of, append, cut, fields, replace, write
from mistakes.record import Base, Mistake, Stage

_RUNS = f"out/runs/{SYSTEM}/llama2-70b-99.9"
_ACCURACY = f"{_RUNS}/Server/accuracy"
_PERFORMANCE = f"{_RUNS}/Server/performance"


def _not_scored(made: Ready) -> None:
    (made.folder / _ACCURACY / "accuracy.txt").unlink()


def _without_run(path: str) -> Edit:
    return lambda made: shutil.rmtree(made.folder / path)


def _other_answer(made: Ready) -> None:
    """One answer of the accuracy log exchanged for another."""
    log = made.folder / _ACCURACY / "mlperf_log_accuracy.json"
    first, second, *_ = (answer["data"] for answer in json.loads(log.read_text()))
    log.write_text(log.read_text().replace(first, second))


def _other_samples(made: Ready) -> None:
    """The same prompts' number and source, other contents."""
    write_samples(made.dataset, vocabulary=16000)


def _damaged_record(made: Ready) -> None:
    write(f"{_ACCURACY}/record.json", "{}")(made)


MISTAKES = (
    Mistake(
        id="score-log-edited",
        what="an answer of the accuracy log was exchanged",
        base=Base.FINISHED,
        make=all_of(_not_scored, _other_answer),
        stage=Stage.SCORE,
        message="mlperf_log_accuracy.json was changed after its run",
        remedy="submitter run campaign.toml --scenario Server --mode accuracy --rerun",
    ),
    Mistake(
        id="score-log-cut",
        what="the accuracy log was cut off",
        base=Base.FINISHED,
        make=all_of(_not_scored, cut(f"{_ACCURACY}/mlperf_log_accuracy.json")),
        stage=Stage.SCORE,
        message="mlperf_log_accuracy.json was changed after its run",
    ),
    Mistake(
        id="score-record-damaged",
        what="a record.json was damaged",
        base=Base.FINISHED,
        make=_damaged_record,
        stage=Stage.SCORE,
        message="record.json is damaged",
        remedy="submitter run-all",
    ),
    Mistake(
        id="score-other-samples",
        what="the data set was replaced after the runs",
        base=Base.FINISHED,
        make=_other_samples,
        stage=Stage.SCORE,
        varies=True,
        message="Offline/accuracy was run with data set",
        remedy="name the data set of the run",
    ),
    Mistake(
        id="score-other-tokenizer",
        what="the tokenizer was replaced after the runs",
        base=Base.FINISHED,
        make=all_of(_not_scored, lambda made: write_tokenizer(made.model, 31999)),
        stage=Stage.SCORE,
        varies=True,
        message="Offline/accuracy was run with model",
        remedy="name the model of the run",
    ),
    Mistake(
        id="assemble-run-missing",
        what="the folder of a run was removed",
        base=Base.FINISHED,
        make=_without_run(f"{_RUNS}/Offline/TEST06"),
        stage=Stage.ASSEMBLE,
        message="not finished: Offline TEST06",
        remedy="submitter run-all",
    ),
    Mistake(
        id="assemble-log-edited",
        what="a figure of a detail log was edited",
        base=Base.FINISHED,
        make=append(f"{_PERFORMANCE}/mlperf_log_detail.txt", "\n"),
        stage=Stage.ASSEMBLE,
        message="mlperf_log_detail.txt was changed after its run",
        remedy="submitter run campaign.toml --scenario Server --mode performance --rerun",
    ),
    Mistake(
        id="assemble-log-removed",
        what="a detail log was removed",
        base=Base.FINISHED,
        make=lambda made: (made.folder / _PERFORMANCE / "mlperf_log_detail.txt").unlink(),
        stage=Stage.ASSEMBLE,
        message="mlperf_log_detail.txt is missing",
    ),
    Mistake(
        id="assemble-score-edited",
        what="the hash in accuracy.txt was edited",
        base=Base.FINISHED,
        make=lambda made: write(
            f"{_ACCURACY}/accuracy.txt",
            (made.folder / _ACCURACY / "accuracy.txt").read_text().partition("hash=")[0] + f"hash={'0' * 64}\n",
        )(made),
        stage=Stage.ASSEMBLE,
        message="accuracy.txt states the SHA-256",
        remedy="score the run again",
    ),
    Mistake(
        id="assemble-not-scored",
        what="assemble before score",
        base=Base.FINISHED,
        make=_not_scored,
        stage=Stage.ASSEMBLE,
        message="is not scored yet: it has no accuracy.txt",
        remedy="submitter score",
    ),
    Mistake(
        id="assemble-settings-changed",
        what="user.conf was changed after the runs",
        base=Base.FINISHED,
        make=replace("measurements/Server/user.conf", "target_qps = 400", "target_qps = 500"),
        stage=Stage.ASSEMBLE,
        message="user.conf changed after these runs: Server performance, Server accuracy, Server TEST06",
        remedy="restore it, or make the runs again",
    ),
    Mistake(
        id="assemble-engine-changed",
        what="engine.toml was changed after the runs",
        base=Base.FINISHED,
        make=replace("measurements/Server/engine.toml", "first_token_ms = 20", "first_token_ms = 10"),
        stage=Stage.ASSEMBLE,
        message="engine.toml changed after these runs: Server performance, Server accuracy, Server TEST06",
        remedy="restore it, or make the runs again",
    ),
    Mistake(
        id="assemble-file-in-tree",
        what="a file of one's own in the tree",
        base=Base.FINISHED,
        make=write("out/preview/notes.txt", "mine\n"),
        stage=Stage.ASSEMBLE,
        message="is not as it was assembled, and a new tree would overwrite that: notes.txt (added)",
        remedy="move it away",
    ),
    Mistake(
        id="assemble-tree-of-another",
        what="a folder that was not assembled, in the tree's place",
        base=Base.FINISHED,
        make=all_of(_without_run("out/preview"), lambda made: (made.tree / "notes").mkdir(parents=True)),
        stage=Stage.ASSEMBLE,
        message="was not assembled by submitter",
        remedy="move it away",
    ),
    Mistake(
        id="assemble-document-unfilled",
        what="a part of a document that is still to be written",
        base=Base.FINISHED,
        make=append("documentation/calibration.md", "TODO(person): the formats\n"),
        stage=Stage.ASSEMBLE,
        message="a person must write this part: the formats",
        remedy="remove the mark",
    ),
    Mistake(
        id="assemble-smoke",
        what="a submission from the runs of a rehearsal",
        base=Base.FINISHED,
        make=all_of(replace("campaign.toml", "smoke = true", ""), replace("campaign.toml", "sample_limit = 64", "")),
        stage=Stage.ASSEMBLE,
        message="is a smoke run, which a submission may not contain",
        remedy="make the full run",
    ),
    Mistake(
        id="assemble-other-round",
        what="the runs of one round for another",
        base=Base.FINISHED,
        make=lambda made: None,
        stage=Stage.ASSEMBLE,
        command=("assemble", "{file}", "--round", "v6.0"),
        message="these runs cannot be used for round v6.0",
        remedy='run them again with round = "v6.0"',
        also=("qsl_rng_seed is",),
    ),
    Mistake(
        id="assemble-other-system-id",
        what="another system id after the runs",
        base=Base.FINISHED,
        make=replace("campaign.toml", f'id = "{SYSTEM}"', 'id = "8xH100-other"'),
        stage=Stage.ASSEMBLE,
        message="not finished: Offline performance",
        remedy="submitter run-all",
    ),
    Mistake(
        id="assemble-system-changed",
        what="a field of the system was removed after the runs",
        base=Base.FINISHED,
        make=fields("system.json", cooling=""),
        stage=Stage.ASSEMBLE,
        message="cooling",
    ),
)
