"""The generator: the same texts everywhere, and questions that only the story answers."""

import itertools
import re
import statistics

import pytest

from submitter.embedded import lexicon, texts

SAMPLES = [texts.sample(index) for index in range(2000)]


def test_a_sample_depends_on_its_index_and_seed_alone() -> None:
    assert texts.sample(17) == SAMPLES[17]
    assert texts.sample(17, seed="another") != SAMPLES[17]
    assert len({sample.prompt for sample in SAMPLES}) == len(SAMPLES)


def test_all_kinds_of_samples_are_there_as_often_as_they_should() -> None:
    stories = [sample for sample in SAMPLES if sample.kind != "profile"]
    assert len(stories) / len(SAMPLES) == pytest.approx(1 - texts.PROFILE_SHARE, abs=0.04)
    total = sum(texts.KIND_WEIGHTS.values())
    for kind, weight in texts.KIND_WEIGHTS.items():
        share = sum(sample.kind == kind for sample in stories) / len(stories)
        assert share == pytest.approx(weight / total, abs=0.04)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_every_word_of_an_answer_but_those_of_its_form_stands_in_the_text() -> None:
    form = {"and", "was"}
    for topic in texts.TOPICS:
        form |= _words(topic.sentence)
    for sample in SAMPLES:
        text = sample.prompt.split("\nQuestion:")[0]
        assert _words(sample.answer) - form <= _words(text), sample


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


@pytest.mark.parametrize("name", [name for name in dir(lexicon) if name.isupper()])
def test_no_word_stands_twice_in_a_list(name: str) -> None:
    words = getattr(lexicon, name)
    assert len(set(words)) == len(words) > 1


def test_what_a_story_does_is_told_by_words_of_one_list_each() -> None:
    lists = [lexicon.NAMES, lexicon.VERBS, lexicon.ADJECTIVES, lexicon.NOUNS, lexicon.PLACES, lexicon.DAYS]
    for first, second in itertools.combinations(lists, 2):
        assert not set(first) & set(second)
