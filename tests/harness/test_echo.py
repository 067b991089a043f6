"""The echo engine's capacity and its replayed answers: what rehearsals and the search for a rate rest on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError
from submitter.harness.dataset import write_dataset
from submitter.harness.engines import EnginePlan, check_settings, create

EOS = 2
PLAN = EnginePlan(model="none", max_new_tokens=6, eos_token_id=EOS)
Answer = tuple[float, list[int]]


async def served(settings: dict[str, Any], prompts: list[list[int]], stream: bool = True) -> list[Answer]:
    """Ask all at once: each answer, and when its first token came in s."""
    engine = create("echo", settings, PLAN)
    await engine.start()
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    async def one(number: int, prompt: list[int]) -> Answer:
        tokens: list[int] = []
        first_s = 0.0
        async for part in engine.generate(str(number), prompt, stream):
            first_s = first_s or loop.time() - began_s
            tokens.extend(part)
        return first_s, tokens

    return await asyncio.gather(*(one(number, prompt) for number, prompt in enumerate(prompts)))


def test_a_capacity_makes_requests_wait_for_each_other() -> None:
    settings = {"output_tokens": 5, "tokens_per_s": 50}
    answers = asyncio.run(served(settings, [[7, 8, 9]] * 4))
    waits_s = [first_s for first_s, _ in answers]
    # Five tokens each at 50 tokens/s: a request's turn comes 0.1 s after the one before it.
    assert waits_s == [pytest.approx(0.1 * turn, abs=0.06) for turn in range(4)]
    assert all(len(tokens) == 5 for _, tokens in answers)


def test_without_a_capacity_nobody_waits() -> None:
    answers = asyncio.run(served({"output_tokens": 5, "first_token_ms": 20}, [[7, 8, 9]] * 50))
    assert max(first_s for first_s, _ in answers) < 0.2


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, str]:
    write_dataset(tmp_path / "prompts.safetensors", "prompts", [[1, 7, 8], [1, 9]], ["", ""])
    write_dataset(tmp_path / "answers.safetensors", "answers", [[4, 5, EOS], [3, 3, 3, 3, 3, 3, 3, 3]], ["", ""])
    return {
        name: str(tmp_path / f"{name.partition('_')[2]}.safetensors") for name in ("replay_prompts", "replay_answers")
    }


@pytest.mark.parametrize("stream", [True, False])
def test_recorded_prompts_get_their_answers_and_others_an_echo(recorded: dict[str, str], stream: bool) -> None:
    settings = {**recorded, "output_tokens": 4}
    answers = [tokens for _, tokens in asyncio.run(served(settings, [[1, 9], [1, 7, 8], [5, 6]], stream))]
    assert answers == [[3, 3, 3, 3, 3, 3], [4, 5, EOS], [5, 6, 5, EOS]]


def test_a_recording_needs_both_and_as_many(recorded: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be set together"):
        check_settings("echo", {"replay_prompts": recorded["replay_prompts"]})
    write_dataset(tmp_path / "answers.safetensors", "answers", [[4, EOS]], [""])
    with pytest.raises(InputError, match="2 prompts and 1 answers"):
        asyncio.run(served(recorded, [[1, 9]]))


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({"output_token": 5}, "the echo engine has no setting 'output_token'", "did you mean 'output_tokens'?"),
        ({"zzz": 5}, "the echo engine has no setting 'zzz'", "known: first_token_ms, per_token_ms"),
        ({"tokens_per_s": 0}, "'tokens_per_s' cannot be 0", "the echo engine takes more than 0 here"),
        ({"fail_after": "soon"}, "'fail_after' cannot be 'soon'", "takes a whole number here"),
        ({"replay_prompts": 5}, "'replay_prompts' cannot be 5", "the echo engine takes a text in quotes here"),
    ],
)
def test_a_setting_that_it_does_not_take(settings: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        check_settings("echo", settings)
    assert caught.value.message == f"engine.toml: {message}"
    assert hint in caught.value.hint


def test_recordings_that_cannot_be_replayed_are_refused_before_a_run(tmp_path: Path) -> None:
    write_dataset(tmp_path / "prompts", "prompts", [[5, 6], [7]], ["", ""])
    write_dataset(tmp_path / "answers", "answers", [[5, 6]], [""])
    with pytest.raises(InputError, match="there are 2 prompts and 1 answers"):
        check_settings("echo", {f"replay_{name}": str(tmp_path / name) for name in ("prompts", "answers")})
    both = {"replay_prompts": str(tmp_path / "prompts"), "replay_answers": str(tmp_path / "nothing")}
    with pytest.raises(InputError, match="there is no data set"):
        check_settings("echo", both)
    with pytest.raises(InputError, match="replay_prompts is not an absolute path: prompts") as error:
        check_settings("echo", {**both, "replay_prompts": "prompts"})
    assert error.value.hint == f'write "{Path.cwd() / "prompts"}"'
