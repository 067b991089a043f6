"""ROUGE-1/2/L/Lsum F-measures with stemming, equal to the last bit to `rouge_score.rouge_scorer`; its only importer.

The F-measure is rouge_score's own and a word's stem too. Three things are ours, for speed (the library fills a table of
words x words in Python for each pair, and for each pair of sentences):

- each text is tokenised once for all four metrics, and a word is stemmed once;
- the longest common subsequence is found with one bit for each cell of a column (H. Hyyro, "Bit-parallel LCS-length
  computation revisited", 2004);
- for ROUGE-Lsum all sentences of the reference lie side by side in one integer, so that one pass over a sentence of
  the prediction serves them all.

`tests/scoring` holds the equality against the library itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain, pairwise
from typing import TypeVar

from submitter.errors import NotInstalledError
from submitter.scoring import english
from submitter.scoring.metrics import AccuracyMetric

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")

T = TypeVar("T", bound=Hashable)

_WORDS = re.compile("[a-z0-9]+").findall
_STEMS_KEPT = 1 << 18  # more words than a data set has; garbage cannot fill the memory


def create() -> AccuracyMetric:
    """NotInstalledError if rouge_score, nltk or nltk's sentence model is missing."""
    return _Rouge()


class _Stems(dict[str, str]):
    """Stem by word: what `rouge_score.tokenize` makes of one word, worked out once."""

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
        try:
            from rouge_score import scoring, tokenize
        except ImportError:
            raise NotInstalledError(
                "scoring needs the package rouge-score", "in the checkout: pip install '.[score]'"
            ) from None
        self._split = english.load_splitter()
        self._stems = _Stems(tokenize.tokenize, english.load_stemmer())
        self._fmeasure = scoring.fmeasure

    def prepare(self, text: str) -> str:
        """One sentence a line, as ROUGE-Lsum expects it."""
        return "\n".join(self._split(text.strip()))

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        found = self._sentences(prediction)
        wanted = self._sentences(reference)
        # A line's end always ends a word, so the text's words are its sentences' words.
        found_words = list(chain.from_iterable(found))
        wanted_words = list(chain.from_iterable(wanted))
        if not found_words or not wanted_words:
            return (0.0,) * len(NAMES)
        n_found, n_wanted = len(found_words), len(wanted_words)
        found_bag, wanted_bag = Counter(found_words), Counter(wanted_words)
        one = _shared(found_bag, wanted_bag)
        two = _shared(Counter(pairwise(found_words)), Counter(pairwise(wanted_words)))
        return (
            self._f(one, n_found, n_wanted),
            self._f(two, max(n_found - 1, 1), max(n_wanted - 1, 1)),
            self._f(_lcs_length(wanted_words, found_words), n_found, n_wanted),
            self._f(_union_lcs_hits(wanted, found, wanted_bag, found_bag), n_found, n_wanted),
        )

    def _sentences(self, text: str) -> list[list[str]]:
        """Each line's words, stemmed; rouge_score drops a word of which the stemmer leaves nothing."""
        stem = self._stems.__getitem__
        sentences = [list(map(stem, _WORDS(line))) for line in text.lower().split("\n") if line]
        return [[word for word in words if word] if "" in words else words for words in sentences]

    def _f(self, hits: int, n_found: int, n_wanted: int) -> float:
        return float(self._fmeasure(hits / n_found, hits / n_wanted))


def _shared(first: Counter[T], second: Counter[T]) -> int:
    """How many items the two bags share."""
    common = first.keys() & second.keys()
    return sum(min(first[item], second[item]) for item in common)


def _places(words: Iterable[str], offset: int = 0, places: dict[str, int] | None = None) -> dict[str, int]:
    """For each word, the integer whose bit `offset + i` is set where words[i] is that word; added to `places`."""
    places = {} if places is None else places
    bit = 1 << offset
    for word in words:
        places[word] = places.get(word, 0) | bit
        bit <<= 1
    return places


def _lcs_length(reference: Sequence[str], prediction: Sequence[str]) -> int:
    """How long a longest common subsequence is.

    Bit i of `column` is clear where the LCS table of the reference against the words so far grows from row i to i + 1.
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
    left_wanted: Counter[str],
    left_found: Counter[str],
) -> int:
    """ROUGE-Lsum's hits: the words of each reference sentence that lie on its LCS with any sentence of the prediction,
    each counted at most as often as both texts have it. Both bags are used up."""
    sides = _SideBySide(reference)
    union = 0
    for sentence in prediction:
        union |= sides.lcs_places(sentence)
    hits = 0
    for word in sides.words_at(union):
        if left_found[word] > 0 and left_wanted[word] > 0:
            hits += 1
            left_found[word] -= 1
            left_wanted[word] -= 1
    return hits


class _SideBySide:
    """The sentences of a text in one integer, a bit a word, the text's first word the lowest.

    A bit that no word has parts a sentence from the next and takes up its carry; so the tables of all sentences
    against another sentence are worked out at once.
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
        # A shift to the right by `step` brings bits of the next sentence into the last `step` places of this one.
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
        """The places, as bits, of one LCS of each sentence with `candidate`: of several equally long ones, that which
        rouge_score's way back picks.

        The library goes left where the cell to the left is the larger one, else up; where words differ, the left one
        is larger just where the table does not grow from the row above. So in each column the way goes up to the next
        match or growth; a match is taken, and either way it goes on in the column to the left. A word that no sentence
        has repeats the column before it: there the way goes up to growth, and so it meets that column at growth too.
        """
        full, steps = self._full, self._steps
        column = full
        columns: list[tuple[int, int]] = []  # for each word that is found: its matches, and where the way stops
        for word in candidate:
            matches = self._places.get(word, 0)
            if matches:
                hits = column & matches
                column = (column + hits | column - hits) & full
                columns.append((matches, matches | full ^ column))
            elif columns:
                columns[-1] = columns[-1][0], full ^ column
        taken = 0
        open_places = full  # in each sentence, the rows at or above the way
        for matches, stops in reversed(columns):
            above = stops & open_places
            if not above:
                break
            for step, inside in steps:
                above |= above >> step & inside
            # in each sentence, `above` now has the row where the way stops, and all rows above it
            ends = matches & above & ~(above >> 1 & self._inside)
            taken |= ends
            open_places = above ^ ends
        return taken
