"""A small tokenizer, and nltk's own sentences."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from accuracy_logs import END, WORDS

from submitter.scoring import english


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Whole words as tokens, joined by spaces, and one special token that decoding leaves out."""
    tokenizers = pytest.importorskip("tokenizers")
    words = dict.fromkeys(WORDS)
    vocabulary = {"<unk>": 0, "</s>": END, **{word: number for number, word in enumerate(words, start=2)}}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def sentences(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """nltk's own `sent_tokenize`, with the installed model on its path."""
    nltk = pytest.importorskip("nltk")
    carried = english._carried_model().parents[2]
    monkeypatch.setattr(nltk.data, "path", [*nltk.data.path, str(carried)])
    return nltk.sent_tokenize
