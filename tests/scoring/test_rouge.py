"""Our ROUGE is rouge_score's to the last bit, and sentences are nltk's."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from accuracy_logs import WORDS

from submitter import packages
from submitter.errors import NotInstalledError
from submitter.scoring import english
from submitter.scoring.metrics import rouge

nltk = pytest.importorskip("nltk")
rouge_scorer = pytest.importorskip("rouge_score.rouge_scorer")

ODD = ["\n", "\n\n", "Σίσυφος", "İstanbul", "日本", "-", "*", "\t", "a\nb", "ΑΣ\nΑΣ", "x", ""]


def texts(rng: random.Random, longest: int) -> tuple[str, str]:
    """Two texts of few words: many repeats and many equally long subsequences, where implementations part."""
    words = rng.sample(WORDS + ODD, rng.randint(2, 20))
    return tuple(" ".join(rng.choice(words) for _ in range(rng.randint(0, longest))) for _ in range(2))


@pytest.mark.parametrize(("seed", "count", "longest"), [(1, 400, 12), (2, 200, 60), (3, 10, 300)])
def test_the_values_are_those_of_rouge_score(seed, count, longest):
    rng = random.Random(seed)
    library = rouge_scorer.RougeScorer(list(rouge.NAMES), use_stemmer=True)
    ours = rouge.create()
    assert ours.names == rouge.NAMES
    values = []
    for _ in range(count):
        prediction, reference = map(ours.prepare, texts(rng, longest))
        wanted = library.score(reference, prediction)
        assert ours.score(prediction, reference) == tuple(wanted[name].fmeasure for name in rouge.NAMES)
        values.append(ours.score(prediction, reference))
    assert len(set(values)) > count // 3, "the texts differ enough to tell"


def test_rouge_lsum_takes_the_way_back_that_rouge_score_takes():
    """Two subsequences are equally long here, and their unions over the sentences are not."""
    ours = rouge.create()
    library = rouge_scorer.RougeScorer(["rougeLsum"], use_stemmer=True)
    rng = random.Random(7)
    unlike_rouge_l = 0
    for _ in range(300):
        prediction, reference = (
            "\n".join(" ".join(rng.choice("abc") for _ in range(rng.randint(1, 7))) for _ in range(3)) for _ in range(2)
        )
        values = ours.score(prediction, reference)
        assert values[3] == library.score(reference, prediction)["rougeLsum"].fmeasure
        unlike_rouge_l += values[3] != values[2]
    assert unlike_rouge_l > 50


def test_sentences_are_those_of_nltk(sentences):
    rng = random.Random(4)
    split = english.load_splitter()
    several = [text for _ in range(50) for text in texts(rng, 60)]
    assert [split(text) for text in several] == [sentences(text) for text in several]
    assert split("Dr. Smith left. He ran.") == ["Dr. Smith left.", "He ran."]


def test_sentences_are_those_of_nltk_where_the_answer_is_in_doubt(sentences):
    """Abbreviations, collocations, initials, numbers, ellipses, quotes, odd white space: all that nltk knows of."""
    rng = random.Random(11)
    split = english.load_splitter()
    parameters = split.nltk_splitter._params
    abbreviations = sorted(parameters.abbrev_types)
    collocations = sorted(parameters.collocations)
    assert abbreviations
    assert collocations

    def piece() -> str:
        kind = rng.randrange(8)
        if kind == 0:
            return f"{rng.choice(abbreviations)}."
        if kind == 1:
            return "{}. {}".format(*rng.choice(collocations))
        if kind == 2:
            return rng.choice(["J.", "x.", "12.", "3.5.", "1990.", "...", "..", "?!", "!!!", "-", "--", "B-12."])
        if kind == 3:
            return rng.choice(
                ['"He', 'it."', "(so.)", "”", "it.”", "‘No’.", "[x].", "a.b", "é.", "Ünder.", "of,", "it's."]
            )
        return rng.choice(WORDS) + rng.choice(["", "", ".", "?", "!", ". The", "? the", ".The", '."', ".)", ". 12"])

    for _ in range(1500):
        spaces = rng.choice([" ", " ", " ", "  ", "\n", "\n\n", "\t", "\u00a0", "\x1c", "\u2028", "\r\n"])
        text = spaces.join(rng.choice([str.capitalize, str])(piece()) for _ in range(rng.randint(1, 12))).strip()
        assert split(text) == sentences(text)


def test_sentences_are_those_of_nltk_where_signs_crowd(sentences):
    """Closing quotes and brackets, several ends in a row, ends without a word: what moves an end to and fro."""
    rng = random.Random(99)
    split = english.load_splitter()
    signs = [*".?!.. \n  \"')]}([{,;:-", "--", "...", ". . .", "a", "Mr", "The", "U.S", "12", "3.5", "e.g", "J", "\n\n"]
    signs += [". ", "? ", "! ", '." ', ".) ", ".' ", '?" ', ".\n"]
    several = 0
    for _ in range(4000):
        text = "".join(rng.choice(signs) for _ in range(rng.randint(1, 25)))
        assert split(text) == sentences(text)
        several += len(split(text)) > 1
    assert several > 2000


def test_a_model_that_nltk_distrusts_is_read_from_the_carrier(monkeypatch, nltk_data):
    """Under umask 002 a folder is writable by its group, and nltk refuses to read from it."""
    for path in (nltk_data, *nltk_data.rglob("*")):
        path.chmod(0o775)
    monkeypatch.setattr(nltk.data, "path", [str(nltk_data)])
    with pytest.warns(RuntimeWarning), pytest.raises(LookupError):
        nltk.data.find("tokenizers/punkt_tab/english/")
    assert english.load_splitter()("Dr. Smith left. He ran.") == ["Dr. Smith left.", "He ran."]


def test_nltks_own_folder_is_enough(monkeypatch, nltk_data):
    monkeypatch.setattr(nltk.data, "path", [str(nltk_data)])
    monkeypatch.setattr(english, "_CARRIER", "no-such-distribution")
    assert english.load_splitter()("Dr. Smith left. He ran.") == ["Dr. Smith left.", "He ran."]


def carrier(folder, text):
    """An installed distribution `stand-in` with the carrier's file; no file if `text` is None."""
    info = folder / "stand_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stand-in\nVersion: 1.0\n")
    if text is not None:
        (folder / english._CARRIER_FILE).parent.mkdir(parents=True)
        (folder / english._CARRIER_FILE).write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ABBREV_TYPES = COLLOCATIONS = SENT_STARTERS = ()\nORTHO_CONTEXT = {'a': 1}\n", "has another English"),
        ("ABBREV_TYPES = ()\n", "has no English sentence model"),
        (None, "has no English sentence model"),
    ],
)
def test_a_carrier_with_another_model_is_refused(monkeypatch, tmp_path, text, problem):
    """Other tables split other sentences, and the score would not be the official one."""
    monkeypatch.syspath_prepend(carrier(tmp_path, text))
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(english, "_CARRIER", "stand-in")
    with pytest.raises(NotInstalledError, match=f"stand-in 1.0 {problem}") as error:
        rouge.create()
    assert error.value.hint == packages.install_command(packages.SCORING)


def test_without_the_model_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr(nltk.data, "path", [])
    monkeypatch.setattr(english, "_CARRIER", "no-such-distribution")
    with pytest.raises(NotInstalledError, match="scoring needs the package no-such-distribution") as error:
        rouge.create()
    assert error.value.hint == packages.install_command(packages.SCORING)


def test_scoring_imports_no_deep_learning_library():
    code = (
        "import sys; from submitter.scoring import answers; from submitter.scoring.metrics import rouge; "
        "import tokenizers; rouge.create(); "
        "assert not {'torch', 'transformers', 'punkt'} & sys.modules.keys()"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
