"""ROUGE-1/2/L/Lsum F-measures with stemming, equal to the last bit to `rouge_score.rouge_scorer`; its only importer.

Words, stems and the F-measure are rouge_score's own. Two things are ours, for speed (the library fills a table of
words x words in Python for each pair): each text is tokenised once for all four metrics, and the longest common
subsequence is found with one machine word for many table cells (H. Hyyro, "Bit-parallel LCS-length computation
revisited", 2004). `tests/scoring` holds the equality against the library itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from itertools import pairwise

from submitter.errors import NotInstalledError
from submitter.scoring import english
from submitter.scoring.metrics import Metric

NAMES = ("rouge1", "rouge2", "rougeL", "rougeLsum")


def create() -> Metric:
    """NotInstalledError if rouge_score, nltk or nltk's sentence model is missing."""
    return _Rouge()


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
        self._stemmer = english.CachingStemmer()
        self._tokenize = tokenize.tokenize
        self._fmeasure = scoring.fmeasure

    def prepare(self, text: str) -> str:
        """One sentence a line, as ROUGE-Lsum expects it."""
        return "\n".join(self._split(text.strip()))

    def score(self, prediction: str, reference: str) -> tuple[float, ...]:
        found = self._sentences(prediction)
        wanted = self._sentences(reference)
        # A line's end always ends a word, so the text's words are its sentences' words.
        found_words = [word for sentence in found for word in sentence]
        wanted_words = [word for sentence in wanted for word in sentence]
        if not found_words or not wanted_words:
            return (0.0,) * len(NAMES)
        n_found, n_wanted = len(found_words), len(wanted_words)
        one = _common(found_words, wanted_words)
        two = _common(pairwise(found_words), pairwise(wanted_words))
        return (
            self._f(one, n_found, n_wanted),
            self._f(two, max(n_found - 1, 1), max(n_wanted - 1, 1)),
            self._f(_lcs_length(wanted_words, found_words), n_found, n_wanted),
            self._f(_union_lcs_hits(wanted, found), n_found, n_wanted),
        )

    def _sentences(self, text: str) -> list[list[str]]:
        return [self._tokenize(line, self._stemmer) for line in text.split("\n") if line]

    def _f(self, hits: int, n_found: int, n_wanted: int) -> float:
        return float(self._fmeasure(hits / n_found, hits / n_wanted))


def _common(first: Iterable[Hashable], second: Iterable[Hashable]) -> int:
    """How many items the two bags share."""
    return (Counter(first) & Counter(second)).total()


def _positions(words: Sequence[str]) -> dict[str, int]:
    """For each word, the integer whose bit i is set where words[i] is that word."""
    positions: dict[str, int] = {}
    for place, word in enumerate(words):
        positions[word] = positions.get(word, 0) | 1 << place
    return positions


def _columns(positions: dict[str, int], length: int, words: Iterable[str]) -> list[int]:
    """The LCS table of a text of `length` words (its `positions`) against `words`, a column after each word.

    Bit i of a column is clear where the table grows from row i to row i + 1.
    """
    full = (1 << length) - 1
    column = full
    columns = []
    for word in words:
        matches = column & positions.get(word, 0)
        column = (column + matches | column - matches) & full
        columns.append(column)
    return columns


def _lcs_length(reference: Sequence[str], prediction: Sequence[str]) -> int:
    last = _columns(_positions(reference), len(reference), prediction)[-1]
    return len(reference) - last.bit_count()


def _union_lcs_hits(reference: Sequence[Sequence[str]], prediction: Sequence[Sequence[str]]) -> int:
    """ROUGE-Lsum's hits: the words of each reference sentence that lie on its LCS with any sentence of the prediction,
    each counted at most as often as both texts have it."""
    left_found = Counter(word for sentence in prediction for word in sentence)
    left_wanted = Counter(word for sentence in reference for word in sentence)
    hits = 0
    for sentence in reference:
        positions = _positions(sentence)
        union = 0
        for candidate in prediction:
            if not positions.keys().isdisjoint(candidate):
                union |= _lcs_places(positions, len(sentence), candidate)
        for place, word in enumerate(sentence):
            if union >> place & 1 and left_found[word] > 0 and left_wanted[word] > 0:
                hits += 1
                left_found[word] -= 1
                left_wanted[word] -= 1
    return hits


def _lcs_places(positions: dict[str, int], length: int, words: Sequence[str]) -> int:
    """The places, as bits, of one LCS: of several equally long ones, that which rouge_score's way back picks.

    The library goes left where the cell to the left is the larger one, else up; where words differ, the left one is
    larger just where the table grows from the row above, which is a clear bit.
    """
    columns = _columns(positions, length, words)
    matches = [positions.get(word, 0) for word in words]
    places = 0
    row, column = length - 1, len(words) - 1
    while row >= 0 and column >= 0:
        bit = 1 << row
        if matches[column] & bit:
            places |= bit
            row -= 1
            column -= 1
        elif columns[column] & bit:
            row -= 1
        else:
            column -= 1
    return places
