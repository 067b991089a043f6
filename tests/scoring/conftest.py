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
def nltk_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data folder of nltk with the installed sentence model, as `python -m nltk.downloader punkt_tab` makes one."""
    nltk = pytest.importorskip("nltk")
    folder = tmp_path / "nltk_data"
    model = folder / "tokenizers/punkt_tab/english"
    model.parent.mkdir(parents=True)
    model.mkdir(mode=0o700)
    monkeypatch.setattr(nltk.data, "path", [*nltk.data.path, str(folder)])  # nltk writes to no other folder
    nltk.tokenize.punkt.save_punkt_params(english._carried_model(), model)
    return folder


@pytest.fixture
def sentences(nltk_data: Path) -> Callable[[str], list[str]]:
    """nltk's own `sent_tokenize`, with the installed model on its path."""
    return pytest.importorskip("nltk").sent_tokenize
