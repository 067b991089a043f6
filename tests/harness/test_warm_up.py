"""Warm-up prompts look like samples and are none."""

from __future__ import annotations

from submitter.harness import warm_up


class Samples:
    def __init__(self, prompts: list[list[int]]) -> None:
        self._prompts = prompts

    def __len__(self) -> int:
        return len(self._prompts)

    def prompt(self, index: int) -> list[int]:
        return self._prompts[index]


def test_none_is_a_sample_and_all_are_like_them() -> None:
    # All prompts of four tokens out of three but one: what is drawn must mostly be thrown away.
    tokens = (5, 6, 7)
    every = [[a, b, c, d] for a in tokens for b in tokens for c in tokens for d in tokens]
    samples = Samples(every[1:])
    made = list(warm_up.prompts(samples, 40))
    assert len(made) == 40
    assert not [prompt for prompt in made if prompt in every[1:]]
    assert {token for prompt in made for token in prompt} <= set(tokens)
    assert {len(prompt) for prompt in made} <= {4, 5}


def test_they_are_the_same_every_time() -> None:
    samples = Samples([[1, 2, 3, 4, 5], [9, 8, 7, 6]])
    assert list(warm_up.prompts(samples, 5)) == list(warm_up.prompts(samples, 5))


def test_none_asked_none_made() -> None:
    assert list(warm_up.prompts(Samples([[1, 2]]), 0)) == []
