"""Token ids from text, for servers that return no ids.

The result is not certain to be what the server generated: several sequences of tokens have the same text. So the number
of tokens that LoadGen sees may differ from the server's. The record says so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from submitter import packages
from submitter.errors import InputError


class Retokeniser:
    """Tokenises with the `tokenizer.json` of the model's folder."""

    def __init__(self, model_folder: Path, eos_token_id: int, max_new_tokens: int) -> None:
        with packages.required(packages.SCORING, "tokenizers"):
            from tokenizers import Tokenizer
        file = model_folder / "tokenizer.json"
        try:
            self._tokenizer: Any = Tokenizer.from_file(str(file))
        except Exception as error:  # tokenizers raises bare Exception for a file that it cannot read
            raise InputError(f"{file} is not a tokenizer: {error}", "copy it from the model's repository") from None
        self._tokenizer.encode_special_tokens = True  # text that looks like a special token is text
        self._eos_token_id = eos_token_id
        self._max_new_tokens = max_new_tokens

    def first(self, text: str) -> list[int]:
        """The ids of the first text of an answer: none while a character is incomplete."""
        return self._encoded(text) if text and not text.endswith("\N{REPLACEMENT CHARACTER}") else []

    def rest(self, first: list[int], first_text: str, text: str, *, has_eos: bool) -> list[int]:
        """The ids after `first`, which were reported already, so that all of them together are the whole answer.

        The whole text is tokenised together, unless that does not begin with `first`. A stop means the EOS token, which
        has no text. What exceeds the limit of an answer is cut off.
        """
        whole = self._encoded(text)
        if whole[: len(first)] != first:
            whole = first + self._encoded(text[len(first_text) :])
        if has_eos:
            whole.append(self._eos_token_id)
        return whole[len(first) : self._max_new_tokens]

    def _encoded(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
