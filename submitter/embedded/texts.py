"""The embedded benchmark's data set: a short story or a profile, a question, a reference answer.

This is not an MLPerf benchmark. It replaces one where no large model is available: its prompts look like English
instructions, and a model must read the prompt to give the right answer.

A sample's *form* (how many sentences, which question, how the question is worded) and its *words* come from two
independent streams of random numbers. A model that has learned the forms of the answers, but not how to read, would
answer with the right form and other words; the score of such answers is the floor that `reference.py` computes.

All random numbers come from `random.Random.random()`, whose sequence for a seed Python guarantees. So the same index
gives the same text on every machine.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from submitter.embedded import lexicon

SAMPLE_COUNT = 24_576
DATASET_SEED = "submitter-embedded-1"

# The weights of stories of 1 to 14 sentences: a long tail like that of instruction data sets, scaled down.
SENTENCE_COUNT_WEIGHTS = (14, 22, 18, 13, 9, 6, 5, 4, 3, 2, 1, 1, 1, 1)

# The weights of profiles with 1 to 6 topics, and the share of profiles in all samples.
TOPIC_COUNT_WEIGHTS = (8, 10, 10, 8, 6, 6)
PROFILE_SHARE = 0.55

T = TypeVar("T")


@dataclass(frozen=True)
class Topic:
    """Two fields of a profile, the word that a question uses for them, and the sentence that states both."""

    subject: str
    fields: dict[str, Sequence[str]]
    sentence: str


TOPICS = (
    Topic("work", {"job": lexicon.JOBS, "home": lexicon.PLACES}, "{name} is a {job} from {home}."),
    Topic("taste", {"food": lexicon.FOODS, "drink": lexicon.DRINKS}, "{name} likes {food} and {drink}."),
    Topic("pet", {"colour": lexicon.COLOURS, "animal": lexicon.ANIMALS}, "{name} has a {colour} {animal}."),
    Topic(
        "leisure",
        {"sport": lexicon.SPORTS, "instrument": lexicon.INSTRUMENTS},
        "{name} plays {sport} and the {instrument}.",
    ),
    Topic(
        "origin",
        {"month": lexicon.MONTHS, "language": lexicon.LANGUAGES},
        "{name} was born in {month} and speaks {language}.",
    ),
    Topic(
        "garden",
        {"vehicle": lexicon.VEHICLES, "flower": lexicon.FLOWERS},
        "{name} drives a {vehicle} and grows {flower}.",
    ),
)


@dataclass(frozen=True)
class Text:
    """One sample: the prompt given to the model and the reference answer it is scored against."""

    kind: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class _Fact:
    name: str
    deed: str  # "bought red boats"
    where: str  # "near Oslo"
    when: str  # " on Monday morning", or empty

    def sentence(self) -> str:
        return f"{self.name} {self.deed} {self.where}{self.when}."


def sample(index: int, seed: str = DATASET_SEED, words_seed: str | None = None) -> Text:
    """Sample `index` of the data set that `seed` gives, with the words of `words_seed` if that is given."""
    return compose(random.Random(f"{seed}/form/{index}"), random.Random(f"{words_seed or seed}/words/{index}"))


def compose(
    form: random.Random, words: random.Random, sentence_weights: Sequence[int] = SENTENCE_COUNT_WEIGHTS
) -> Text:
    """Draw one sample; `sentence_weights` lets a training curriculum start with short stories."""
    if form.random() < PROFILE_SHARE:
        return _profile(form, words)
    count = 1 + _weighted(form, sentence_weights)
    kind = list(KIND_WEIGHTS)[_weighted(form, list(KIND_WEIGHTS.values()))]
    timed = [form.random() < 0.4 for _ in range(count)]
    asked = _distinct(form, range(count), min(count, 2 + int(form.random() * 3)))
    wording = form.random()
    story = _story(words, timed)
    question, answer = _ask(kind, [story[i] for i in asked], story, wording)
    text = " ".join(fact.sentence() for fact in story)
    return Text(kind, f"Story: {text}\nQuestion: {question}\nAnswer:", f" {answer}")


def _profile(form: random.Random, words: random.Random) -> Text:
    """A profile of fields and values. The answer has a sentence per requested topic, always in the same order."""
    topics = sorted(_distinct(form, range(len(TOPICS)), 1 + _weighted(form, TOPIC_COUNT_WEIGHTS)))
    asked = sorted(_distinct(form, topics, 1 + int(form.random() * len(topics))))
    wording = form.random()
    name = _pick(words, lexicon.NAMES)
    values = {field: _pick(words, choices) for topic in topics for field, choices in TOPICS[topic].fields.items()}
    lines = " ".join(f"{field.capitalize()}: {value}." for field, value in values.items())
    if len(asked) == len(topics):
        question = f"Tell me all about {name}." if wording < 0.5 else f"Who is {name}?"
    else:
        subjects = _enumerate([TOPICS[topic].subject for topic in asked])
        question = f"Tell me about the {subjects} of {name}." if wording < 0.5 else f"What of the {subjects} of {name}?"
    answer = " ".join(TOPICS[topic].sentence.format(name=name, **values) for topic in asked)
    return Text("profile", f"Profile: Name: {name}. {lines}\nQuestion: {question}\nAnswer:", f" {answer}")


def _story(words: random.Random, timed: list[bool]) -> list[_Fact]:
    count = len(timed)
    names = _distinct(words, lexicon.NAMES, count)
    nouns = _distinct(words, lexicon.NOUNS, count)
    return [
        _Fact(
            name=names[i],
            deed=f"{_pick(words, lexicon.VERBS)} {_pick(words, lexicon.ADJECTIVES)} {nouns[i]}",
            where=f"{_pick(words, lexicon.PREPOSITIONS)} {_pick(words, lexicon.PLACES)}",
            when=f" on {_pick(words, lexicon.DAYS)} {_pick(words, lexicon.PARTS)}" if timed[i] else "",
        )
        for i in range(count)
    ]


KIND_WEIGHTS = {"one": 25, "several": 20, "all": 15, "where": 15, "who": 15, "names": 10}


def _ask(kind: str, asked: list[_Fact], story: list[_Fact], wording: float) -> tuple[str, str]:
    """The question and its answer; `wording` in [0, 1) chooses between two wordings of the question."""
    plain = wording < 0.5
    first = asked[0]
    if kind == "one":
        return (f"What did {first.name} do?" if plain else f"Tell me about {first.name}."), first.sentence()
    if kind == "several":
        names = _enumerate([fact.name for fact in asked])
        question = f"What did {names} do?" if plain else f"Tell me about {names}."
        return question, " ".join(fact.sentence() for fact in asked)
    if kind == "all":
        question = "Tell the whole story again." if plain else "What happened in the story?"
        return question, " ".join(fact.sentence() for fact in story)
    if kind == "where":
        return (f"Where was {first.name}?" if plain else f"Where did we see {first.name}?"), (
            f"{first.name} was {first.where}."
        )
    if kind == "who":
        question = f"Who {first.deed}?" if plain else f"Do you know who {first.deed}?"
        return question, f"{first.name} {first.deed}."
    question = "Who is in the story?" if plain else "List the people of the story."
    return question, _enumerate([fact.name for fact in story]) + "."


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _pick(rng: random.Random, items: Sequence[T]) -> T:
    return items[int(rng.random() * len(items))]


def _distinct(rng: random.Random, items: Sequence[T], count: int) -> list[T]:
    pool = list(items)
    return [pool.pop(int(rng.random() * len(pool))) for _ in range(count)]


def _weighted(rng: random.Random, weights: Sequence[int]) -> int:
    target = rng.random() * sum(weights)
    for index, weight in enumerate(weights):
        target -= weight
        if target < 0:
            return index
    return len(weights) - 1
