"""Mistakes with the data set."""

from __future__ import annotations

import json

from ready_campaign import PUBLISHED, VOCABULARY, Ready, write_samples

from mistakes.edits import Edit, cut, flip, nothing, remove, replace, write
from mistakes.record import Mistake, Stage

_FILE = "open_orca.safetensors"
_CALIBRATION = "open_orca_gpt4_tokenized_llama.calibration_1000.pkl"


def _other(samples: int = 24576, vocabulary: int = VOCABULARY, **origin: str) -> Edit:
    return lambda made: write_samples(made.dataset, samples, vocabulary, **origin)


def _made_from(name: str) -> Edit:
    """A data set of the right size that was made from another published file."""

    def edit(made: Ready) -> None:
        from submitter.datasets.official import official_files

        write_samples(made.dataset, source=name, source_sha256=official_files()[name].sha256)

    return edit


def _long_prompts(made: Ready) -> None:
    from submitter.datasets.official import official_files
    from submitter.harness.dataset import write_dataset

    prompts = [[1, *range(3, 1500)], *([1, 3, 4] for _ in range(24575))]
    origin = {"source": PUBLISHED, "source_sha256": official_files()[PUBLISHED].sha256}
    write_dataset(made.dataset, "open_orca", prompts, ["word3"] * len(prompts), **origin)


def _no_references(made: Ready) -> None:
    from submitter.datasets.official import official_files
    from submitter.harness.dataset import write_dataset

    origin = {"source": PUBLISHED, "source_sha256": official_files()[PUBLISHED].sha256}
    write_dataset(made.dataset, "open_orca", [[1, 3, 4]] * 24576, [""] * 24576, **origin)


def _instead(name: str, content: bytes) -> Edit:
    """Another file as the campaign's data set."""

    def edit(made: Ready) -> None:
        write(name, content)(made)
        replace("campaign.toml", _FILE, name)(made)

    return edit


MISTAKES = (
    Mistake(
        id="data-missing",
        what="no data set",
        make=remove(_FILE),
        message=f"there is no data set {_FILE}",
        remedy="submitter dataset convert",
    ),
    Mistake(
        id="data-pickle",
        what="MLCommons' pickle instead of the converted file",
        make=_instead(PUBLISHED, b"\x80\x04\x95" + b"\0" * 99),
        message=f"{PUBLISHED} is not a data set",
        remedy="submitter dataset convert",
    ),
    Mistake(
        id="data-json",
        what="a JSON list instead of the converted file",
        make=_instead("cnn_eval.json", json.dumps([{"tok_input": [1, 2], "output": "word"}]).encode()),
        message="cnn_eval.json is not a data set",
        remedy="submitter dataset convert",
    ),
    Mistake(
        id="data-is-a-model",
        what="a weight file as the data set",
        make=replace("campaign.toml", _FILE, "model/model-00001-of-00003.safetensors"),
        message="model/model-00001-of-00003.safetensors is not a data set",
        remedy="submitter dataset convert",
    ),
    Mistake(
        id="data-cut",
        what="a data set whose copy was interrupted",
        make=cut(_FILE),
        message=f"{_FILE} is not a data set",
    ),
    Mistake(
        id="data-changed",
        what="a data set with a changed byte",
        make=flip(_FILE, -5),
        message="checksum",
        remedy="create the data set again",
    ),
    Mistake(
        id="data-too-few",
        what="a part of the data set",
        make=_other(5000),
        message="has 5000 samples, llama2-70b-99.9 has 24576",
        remedy="give the whole data set",
    ),
    Mistake(
        id="data-own",
        what="a data set of one's own in the closed division",
        make=_other(source="mine.json", source_sha256="0" * 64),
        message="was not converted from a file that MLCommons publishes",
    ),
    Mistake(
        id="data-no-source",
        what="a data set that does not say what it was made from, in the closed division",
        make=_other(source="", source_sha256=""),
        message="was not converted from a file that MLCommons publishes",
        also=(f"requires {PUBLISHED}",),
    ),
    Mistake(
        id="data-calibration",
        what="the calibration set instead of the data set",
        make=_made_from(_CALIBRATION),
        message=_CALIBRATION,
    ),
    Mistake(
        id="data-other-benchmark",
        what="another benchmark's data set",
        make=_made_from("cnn_eval.json"),
        message="cnn_eval.json",
    ),
    Mistake(
        id="data-other-tokenizer",
        what="prompts tokenised for another model: tokens beyond the vocabulary",
        make=_other(vocabulary=128256),
        message="beyond the vocabulary of 32000",
        remedy="tokenise the data set",
    ),
    Mistake(
        id="data-long-prompts",
        what="a prompt longer than any of the published file, which the engine refuses",
        make=_long_prompts,
        message="the engine takes 2048 tokens, the longest prompt and its answer may have 2522",
    ),
    Mistake(
        id="data-no-references",
        what="a data set without reference answers",
        make=_no_references,
        message="reference",
    ),
    Mistake(
        id="data-compressed",
        what="converting a file that is still compressed",
        make=write(f"{PUBLISHED}.gz", b"\x1f\x8b"),
        stage=Stage.DATASET,
        command=("dataset", "convert", f"{{folder}}/{PUBLISHED}.gz", "{folder}/new.safetensors"),
        message=f"{PUBLISHED}.gz is compressed",
        remedy="gzip -dk",
    ),
    Mistake(
        id="data-not-the-published",
        what="converting another file that has the published file's name",
        make=write(PUBLISHED, b"\x80\x04N."),
        stage=Stage.DATASET,
        command=("dataset", "convert", f"{{folder}}/{PUBLISHED}", "{folder}/new.safetensors"),
        message=f"{PUBLISHED} is not the published file of that name",
        remedy="download it again",
    ),
    Mistake(
        id="data-wrong-suffix",
        what="converting into a file of another type",
        make=nothing,
        stage=Stage.DATASET,
        command=("dataset", "convert", "{folder}/a.pkl", "{folder}/new.json"),
        message="new.json does not end in .safetensors",
        remedy="new.safetensors",
    ),
)
