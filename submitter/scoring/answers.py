"""Reads the answers of an accuracy log as token ids, and decodes them to text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from submitter import packages
from submitter.errors import InputError, os_reason, os_remedy
from submitter.logs import LogFormatError, read_accuracy

TOKEN_BYTES = 4  # the harness answers in int32
_RUN_AGAIN = "run the accuracy run again"


@dataclass(frozen=True)
class LoggedAnswers:
    """The answers in the order of the log: `token_ids[i]` is the answer to sample `qsl_indices[i]`."""

    qsl_indices: list[int]
    token_ids: list[list[int]]


def read_answers(accuracy_log: Path, sample_count: int) -> LoggedAnswers:
    """Read the log of an accuracy run with `sample_count` samples.

    InputError if it cannot be read, is truncated, or does not hold exactly one int32 answer to each sample.
    """
    answers: dict[int, list[int]] = {}
    try:
        for entry in read_accuracy(accuracy_log):
            index = entry.qsl_idx
            if index >= sample_count:
                raise InputError(
                    f"{accuracy_log}: sample {index} is out of range: the data set has {sample_count} samples",
                    "score the log against the data set of its run",
                )
            if index in answers:
                raise InputError(f"{accuracy_log}: sample {index} is answered twice", _RUN_AGAIN)
            if len(entry.data) % TOKEN_BYTES:
                raise InputError(
                    f"{accuracy_log}: the answer to sample {index} has {len(entry.data)} bytes, "
                    f"not a multiple of {TOKEN_BYTES}: its tokens are not int32",
                    _RUN_AGAIN,
                )
            answers[index] = list(memoryview(entry.data).cast("i"))
    except OSError as error:
        raise InputError(f"{accuracy_log} cannot be read: {os_reason(error)}", os_remedy(error)) from None
    except LogFormatError as error:
        raise InputError(f"{accuracy_log.parent}: {error}", "give the untruncated log that LoadGen wrote") from None
    if len(answers) != sample_count:
        raise InputError(
            f"{accuracy_log} has answers to {len(answers)} samples, but the data set has {sample_count}", _RUN_AGAIN
        )
    if not answers:
        raise InputError(f"{accuracy_log} holds no answers", _RUN_AGAIN)
    return LoggedAnswers(list(answers), list(answers.values()))


def decode(token_ids: Sequence[list[int]], qsl_indices: Sequence[int], tokenizer_folder: Path) -> list[str]:
    """The texts of `token_ids`, without special tokens. InputError if the tokenizer is invalid or lacks a token."""
    with packages.required(packages.SCORING, "tokenizers"):
        from tokenizers import Tokenizer

    path = tokenizer_folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{tokenizer_folder} has no tokenizer.json", "give the folder of the model that was run")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception for a file it cannot parse
        raise InputError(f"{path} is not a tokenizer: {str(error).splitlines()[0]}") from None
    size = tokenizer.get_vocab_size(with_added_tokens=True)
    for index, ids in zip(qsl_indices, token_ids, strict=True):
        if ids and not 0 <= min(ids) <= max(ids) < size:
            bad = next(token for token in ids if not 0 <= token < size)
            raise InputError(
                f"the answer to sample {index} has token {bad}, but {path} has {size} tokens",
                "score the log with the tokenizer of the model that was run",
            )
    texts: list[str] = tokenizer.decode_batch(list(token_ids), skip_special_tokens=True)
    return texts
