"""ROUGE-1/2/L/Lsum F-measures with stemming, equal to the last bit to `rouge_score.rouge_scorer`; its only importer.

The F-measure and the stems are computed by rouge_score. Three parts are our own, for speed: the library fills a table
of words x words in Python for each pair of texts, and for each pair of sentences.

- Each text is tokenised once for all four metrics, and each word is stemmed once.
- The longest common subsequence (LCS) is found with one bit for each cell of a column (H. Hyyro, "Bit-parallel
  LCS-length computation revisited", 2004).
- For ROUGE-Lsum all sentences of the reference are placed side by side in one integer, so that one pass over a sentence
  of the prediction is enough for all of them.

`tests/scoring` compares the results with those of the library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, pairwise
from typing import TypeVar

from submitter import packages
from submitter.scoring import english
from submitter.scoring.metrics import AccuracyMetric

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")

T = TypeVar("T", bound=Hashable)

_WORDS = re.compile("[a-z0-9]+").findall
_STEMS_KEPT = 1 << 18  # more words than a data set has, so that garbage cannot fill the memory


def create() -> AccuracyMetric:
    """NotInstalledError if rouge_score, nltk or nltk's sentence model is missing."""
    return _Rouge()


class _Stems(dict[str, str]):
    """The stem of each word, computed by `rouge_score.tokenize` when the word is first used."""

    def __init__(self, tokenize: Callable[[str, object], list[str]], stemmer: object) -> None:
        self._tokenize, self._stemmer = tokenize, stemmer

    def __missing__(self, word: str) -> str:
        stem = "".join(self._tokenize(word, self._stemmer))
        if len(self) >= _STEMS_KEPT:
            self.clear()
        self[word] = stem
        return stem


class _Rouge:
    names = NAMES

    def __init__(self) -> None:
        with packages.required(packages.SCORING, "rouge-score"):
            from rouge_score import scoring, tokenize
        self._split = english.load_splitter()
        self._stems = _Stems(tokenize.tokenize, english.load_stemmer())
        self._fmeasure = scoring.fmeasure

    def prepare(self, text: str) -> str:
        """The text with one sentence per line, as ROUGE-Lsum expects it."""
        return "\n".join(self._split(text.strip()))

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        sentences, reference_sentences = self._sentences(prediction), self._sentences(reference)
        # A newline always ends a word, so the words of a text are the words of its sentences.
        words = list(chain.from_iterable(sentences))
        reference_words = list(chain.from_iterable(reference_sentences))
        if not words or not reference_words:
            return (0.0,) * len(NAMES)
        count, reference_count = len(words), len(reference_words)
        bag, reference_bag = Counter(words), Counter(reference_words)
        unigrams = _shared(bag, reference_bag)
        bigrams = _shared(Counter(pairwise(words)), Counter(pairwise(reference_words)))
        lcs = _lcs_length(reference_words, words)
        union_lcs = _union_lcs_hits(reference_sentences, sentences, reference_bag, bag)
        return (
            self._f(unigrams, count, reference_count),
            self._f(bigrams, max(count - 1, 1), max(reference_count - 1, 1)),
            self._f(lcs, count, reference_count),
            self._f(union_lcs, count, reference_count),
        )

    def _sentences(self, text: str) -> list[list[str]]:
        """The stemmed words of each line. Like rouge_score, it drops a word whose stem is empty."""
        stem = self._stems.__getitem__
        sentences = [list(map(stem, _WORDS(line))) for line in text.lower().split("\n") if line]
        return [[word for word in words if word] if "" in words else words for words in sentences]

    def _f(self, hits: int, count: int, reference_count: int) -> float:
        return float(self._fmeasure(hits / count, hits / reference_count))


def _shared(first: Counter[T], second: Counter[T]) -> int:
    """How many items two bags have in common."""
    common = first.keys() & second.keys()
    return sum(min(first[item], second[item]) for item in common)


def _places(words: Iterable[str], offset: int = 0, places: dict[str, int] | None = None) -> dict[str, int]:
    """For each word an integer with bit `offset + i` set wherever words[i] is that word. Added to `places` if given."""
    places = {} if places is None else places
    bit = 1 << offset
    for word in words:
        places[word] = places.get(word, 0) | bit
        bit <<= 1
    return places


def _lcs_length(reference: Sequence[str], prediction: Sequence[str]) -> int:
    """The length of the longest common subsequence.

    Bit i of `column` is clear if the LCS table of the reference and the words so far grows from row i to row i + 1.
    """
    places = _places(reference)
    full = column = (1 << len(reference)) - 1
    for word in prediction:
        if matches := column & places.get(word, 0):
            column = (column + matches | column - matches) & full
    return len(reference) - column.bit_count()


def _union_lcs_hits(
    reference: Sequence[Sequence[str]],
    prediction: Sequence[Sequence[str]],
    reference_bag: Counter[str],
    bag: Counter[str],
) -> int:
    """ROUGE-Lsum's hits: the words of each reference sentence that are in its LCS with any sentence of the prediction,
    each counted at most as often as both texts contain it. Each hit is removed from both bags."""
    sides = _SideBySide(reference)
    union = 0
    for sentence in prediction:
        union |= sides.lcs_places(sentence)
    hits = 0
    for word in sides.words_at(union):
        if bag[word] > 0 and reference_bag[word] > 0:
            hits += 1
            bag[word] -= 1
            reference_bag[word] -= 1
    return hits


class _SideBySide:
    """The sentences of a text in one integer, with one bit for each word; the lowest bit is the first word.

    An unused bit separates each sentence from the next and takes up its carry. So the LCS tables of all sentences with
    another sentence are computed at once.
    """

    def __init__(self, sentences: Iterable[Sequence[str]]) -> None:
        self._words: list[str | None] = []
        self._places: dict[str, int] = {}
        full = longest = 0
        for sentence in sentences:
            _places(sentence, len(self._words), self._places)
            full |= ((1 << len(sentence)) - 1) << len(self._words)
            longest = max(longest, len(sentence))
            self._words += [*sentence, None]
        self._full = full
        self._inside = inside = full & full >> 1  # the places that are not the last of their sentence
        # A right shift by `step` moves bits of the next sentence into the last `step` places of this one: mask them.
        self._steps: list[tuple[int, int]] = []
        step = 1
        while step < longest:
            self._steps.append((step, inside))
            inside &= inside >> step
            step *= 2

    def words_at(self, places: int) -> Iterable[str]:
        words = self._words
        while places:
            lowest = places & -places
            word = words[lowest.bit_length() - 1]
            assert word is not None
            yield word
            places ^= lowest

    def lcs_places(self, candidate: Sequence[str]) -> int:
        """The places, as bits, of the LCS of each sentence with `candidate`. If several are equally long, it is the one
        that rouge_score finds when it walks back through its table.

        The library goes left if the cell to the left is larger than the cell above, else up. Where the words differ,
        the left cell is larger exactly if the table does not grow from the row above. So in each column the walk goes
        up to the next match or growth. It takes a match, and in both cases goes on in the column to the left. A word
        that is in no sentence repeats the column before it: there the walk goes up to growth, and so it enters that
        column at growth, too.
        """
        full, steps = self._full, self._steps
        column = full
        columns: list[
            tuple[int, int]
        ] = []  # for each word that is in a sentence: its matches, and where the walk stops
        for word in candidate:
            matches = self._places.get(word, 0)
            if matches:
                hits = column & matches
                column = (column + hits | column - hits) & full
                columns.append((matches, matches | full ^ column))
            elif columns:
                columns[-1] = columns[-1][0], full ^ column
        taken = 0
        open_places = full  # in each sentence, the rows at or above the walk
        for matches, stops in reversed(columns):
            above = stops & open_places
            if not above:
                break
            for step, inside in steps:
                above |= above >> step & inside
            # in each sentence, `above` now has the row where the walk stops, and all rows above it
            ends = matches & above & ~(above >> 1 & self._inside)
            taken |= ends
            open_places = above ^ ends
        return taken
