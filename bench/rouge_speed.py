"""The speed of our scoring compared with MLCommons' script: sentences by nltk, ROUGE by rouge_score, in a pool.

    python bench/rouge_speed.py [--cores 2] [--sample 1024]

The script generates two sets of pairs with the sizes and lengths of the accuracy runs of llama2-70b and llama3.1-8b:
24,576 answers and references of about 210 words, and 13,368 answers of 108 words with references of 64. The words are
as frequent as in English, and the rarer ones are made up. Two fifths of the sentences of an answer are sentences of
the reference with some words changed.

Our scoring runs on all pairs, the official script's method on the first `--sample` of them; its time is extrapolated by
`all / sample`. Both start from decoded texts, in the same number of processes; the start of the processes is included.
In the sample, every value of every pair must be equal to the last bit. Core seconds are the CPU time of all processes;
on a busy machine they are more reliable than wall-clock time. Prints Markdown.
"""

from __future__ import annotations

import argparse
import bisect
import itertools
import multiprocessing
import os
import pydoc_data.topics
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from submitter import scoring
from submitter.scoring import english
from submitter.scoring.metrics import mean_percent, rouge

Pair = tuple[str, str]

# Name, number of pairs, words in an answer, words in a reference.
SETS = [("llama2-70b", 24_576, 215, 205), ("llama3.1-8b", 13_368, 100, 55)]
# A word's frequency falls as 1 / rank among the most common words and as 1 / rank^2 beyond. With these numbers a text
# has as many different words as Heaps' law predicts for English: 33,000 in 640,000 words, 62,000 in 2,400,000.
VOCABULARY, COMMON = 400_000, 5_000
SYLLABLES = "ba ce di fo gu ha in ja ke li mo nu pa qui re so ta ur ve wi xe yo zan".split()
ENDINGS = ["", "", "s", "ing", "ed", "ly", "tion", "ness", "al"]


class Texts:
    """Generates sentences whose words are as frequent as English words."""

    def __init__(self) -> None:
        self._rng = random.Random(7)
        text = " ".join(pydoc_data.topics.topics.values()).lower()
        words = dict.fromkeys(word for word, _ in Counter(re.findall(r"[a-z]{2,}", text)).most_common())
        while len(words) < VOCABULARY:
            stem = "".join(self._rng.choice(SYLLABLES) for _ in range(self._rng.randint(3, 4)))
            words[stem + self._rng.choice(ENDINGS)] = None
        self._words = list(words)
        weights = (1 / (rank + 2.7) if rank < COMMON else COMMON / rank**2 for rank in range(VOCABULARY))
        self._weights = list(itertools.accumulate(weights))

    def _word(self) -> str:
        rng = self._rng
        word = self._words[bisect.bisect(self._weights, rng.random() * self._weights[-1])]
        kind = rng.random()
        if kind < 0.05:
            return word.capitalize()
        return f"{word}," if kind < 0.12 else str(rng.randint(1, 2030)) if kind < 0.14 else word

    def _sentence(self) -> list[str]:
        words = [self._word() for _ in range(max(3, round(self._rng.gauss(18, 7))))]
        words[0] = words[0].capitalize()
        return [*words[:-1], words[-1].rstrip(",") + self._rng.choice("....?!")]

    def _text(self, mean_words: int) -> list[list[str]]:
        least_words = max(3, int(self._rng.lognormvariate(0, 0.6) * mean_words * 0.8))
        sentences: list[list[str]] = []
        while sum(map(len, sentences)) < least_words:
            sentences.append(self._sentence())
        return sentences

    def pair(self, answer_words: int, reference_words: int) -> Pair:
        reference, answer = self._text(reference_words), self._text(answer_words)
        for number in range(len(answer)):
            if self._rng.random() < 0.4:
                source = self._rng.choice(reference)
                answer[number] = [word if self._rng.random() < 0.6 else self._word() for word in source]
        joined = [" ".join(word for sentence in text for word in sentence) for text in (answer, reference)]
        return joined[0], joined[1]


def plain_splitter() -> Callable[[str], list[str]]:
    """nltk's own sentence splitter, unchanged."""
    from nltk.tokenize.punkt import PunktSentenceTokenizer

    plain = PunktSentenceTokenizer()
    plain._params = english.load_splitter().nltk_splitter._params  # type: ignore[attr-defined]
    split: Callable[[str], list[str]] = plain.tokenize
    return split


def rouge_chunk(pairs: list[Pair]) -> list[tuple[float, ...]]:
    """Scores as `evaluate`'s rouge does with use_stemmer=True and use_aggregator=False, without its own overhead."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(rouge.NAMES), use_stemmer=True)
    scores = [scorer.score(reference, answer) for answer, reference in pairs]
    return [tuple(score[name].fmeasure for name in rouge.NAMES) for score in scores]


def as_the_script(pairs: list[Pair], cores: int) -> list[tuple[float, ...]]:
    """As evaluate-accuracy.py does from decoded texts on: sentences in one process, then ROUGE in chunks in a pool."""
    split = plain_splitter()
    prepared = [("\n".join(split(answer.strip())), "\n".join(split(reference.strip()))) for answer, reference in pairs]
    size = -(-len(prepared) // cores)
    chunks = [prepared[start : start + size] for start in range(0, len(prepared), size)]
    with multiprocessing.Pool(cores) as pool:
        rows = [row for rows in pool.map(rouge_chunk, chunks) for row in rows]
        pool.close()
        pool.join()  # otherwise its core seconds would not be counted
    return rows


def ours(pairs: list[Pair], cores: int) -> list[tuple[float, ...]]:
    return [values for _, values in scoring.score_pairs("rouge", pairs, cores)[1]]


def core_seconds() -> float:
    """The CPU time, in s, that this process and its finished child processes have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def timed(score: Callable[[list[Pair], int], Any], pairs: list[Pair], cores: int) -> tuple[float, float, Any]:
    """Wall-clock seconds, core seconds, and the scores."""
    start, start_core = time.perf_counter(), core_seconds()
    values = score(pairs, cores)
    return time.perf_counter() - start, core_seconds() - start_core, values


def means(rows: list[tuple[float, ...]]) -> list[float]:
    return [mean_percent(column) for column in zip(*rows, strict=True)]


def lines(cores: int, sample: int) -> Iterator[str]:
    yield "| pairs as in | pairs | | official script | ours | speedup |"
    yield "|---|---|---|---|---|---|"
    for name, count, answer_words, reference_words in SETS:
        texts = Texts()
        pairs = [texts.pair(answer_words, reference_words) for _ in range(count)]
        first = pairs[:sample]
        official = timed(as_the_script, first, cores)
        our = timed(ours, pairs, cores)
        if our[2][: len(first)] != official[2]:
            raise SystemExit(f"{name}: the values differ")
        for what, official_s, our_s in [("seconds", official[0], our[0]), ("core seconds", official[1], our[1])]:
            all_s = official_s * count / len(first)
            measured = f"{all_s:,.0f} (from {official_s:.1f} for {len(first):,})"
            yield f"| {name} | {count:,} | {what} | {measured} | {our_s:.1f} | {all_s / our_s:.1f} |"
        yield f"| {name} | {len(first):,} | scores | {shown(official[2])} | {shown(our[2][: len(first)])} | |"


def shown(rows: list[tuple[float, ...]]) -> str:
    return ", ".join(f"{mean:.4f}" for mean in means(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cores", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--sample", type=int, default=1024)
    arguments = parser.parse_args()
    print(f"{arguments.cores} processes\n")
    for line in lines(arguments.cores, arguments.sample):
        print(line, flush=True)


if __name__ == "__main__":
    main()
