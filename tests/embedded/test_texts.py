"""The generator: the same texts everywhere, and questions that only the story answers."""

import itertools
import statistics

import pytest

from submitter.embedded import lexicon, texts

SAMPLES = [texts.sample(index) for index in range(2000)]


def test_a_sample_depends_on_its_index_and_seed_alone() -> None:
    assert texts.sample(17) == SAMPLES[17]
    assert texts.sample(17, seed="another") != SAMPLES[17]
    assert len({sample.prompt for sample in SAMPLES}) == len(SAMPLES)


def test_all_kinds_of_questions_are_there_as_often_as_they_should() -> None:
    total = sum(texts.KIND_WEIGHTS.values())
    for kind, weight in texts.KIND_WEIGHTS.items():
        share = sum(sample.kind == kind for sample in SAMPLES) / len(SAMPLES)
        assert share == pytest.approx(weight / total, abs=0.03)


def test_every_word_of_an_answer_stands_in_its_story() -> None:
    joining = {"and", "was"}
    for sample in SAMPLES:
        story = sample.prompt.split("\nQuestion:")[0]
        words = set(sample.answer.replace(".", "").replace(",", "").split())
        assert words - joining <= set(story.replace(".", "").split()), sample


def test_the_same_form_with_other_words_is_another_answer_of_the_same_kind() -> None:
    same = 0
    for index, sample in enumerate(SAMPLES[:300]):
        other = texts.sample(index, words_seed="other words")
        assert other.kind == sample.kind
        assert other.answer.count(".") == sample.answer.count(".")
        same += other.answer == sample.answer
    assert same < 3


def test_lengths_have_a_long_tail() -> None:
    prompts = sorted(len(sample.prompt.split()) for sample in SAMPLES)
    answers = sorted(len(sample.answer.split()) for sample in SAMPLES)
    assert prompts[-1] > 2.5 * statistics.median(prompts)
    assert answers[-1] > 5 * statistics.median(answers)
    assert statistics.mean(answers) > 1.2 * statistics.median(answers)


@pytest.mark.parametrize("words", ["NAMES", "VERBS", "ADJECTIVES", "NOUNS", "PLACES", "DAYS", "PARTS", "PREPOSITIONS"])
def test_no_word_stands_twice_in_a_list(words: str) -> None:
    found = getattr(lexicon, words)
    assert len(set(found)) == len(found)


def test_no_word_stands_in_two_lists() -> None:
    lists = [lexicon.NAMES, lexicon.VERBS, lexicon.ADJECTIVES, lexicon.NOUNS, lexicon.PLACES, lexicon.DAYS]
    for first, second in itertools.combinations(lists, 2):
        assert not set(first) & set(second)
