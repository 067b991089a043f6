"""How requests and answers pass vLLM's engine core: with a real vLLM on the CPU, and what it does only in trouble."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from submitter.embedded.benchmark import load_benchmark, model_folder
from submitter.errors import RunError
from submitter.harness.engines import EnginePlan, _vllm_answers, create
from submitter.harness.engines._vllm_answers import CoreRequests

SETTINGS = {"dtype": "bfloat16", "enforce_eager": True, "max_model_len": 64, "max_num_seqs": 32}
MAX_NEW_TOKENS = 24
PROMPTS = [[3 + (7 * number + i) % 900 for i in range(20)] for number in range(24)]
STOP, LENGTH, ABORT = range(3)


async def _real_answers() -> dict[str, Any]:
    eos = load_benchmark().eos_token_id
    plan = EnginePlan(model=str(model_folder()), max_new_tokens=MAX_NEW_TOKENS, eos_token_id=eos)
    engine: Any = create("vllm", SETTINGS, plan)
    await engine.start()

    async def parts(name: str, prompt: list[int], stream: bool) -> list[list[int]]:
        return [list(part) async for part in engine.generate(name, prompt, stream)]

    async def refusal(prompt: list[int]) -> str:
        try:
            await parts("refused", prompt, False)
        except RunError as error:
            return error.message
        return ""

    whole = await asyncio.gather(*(parts(f"whole-{i}", prompt, False) for i, prompt in enumerate(PROMPTS)))
    streamed = await asyncio.gather(*(parts(f"stream-{i}", prompt, True) for i, prompt in enumerate(PROMPTS)))
    left = engine.generate("left", PROMPTS[0], True)
    await anext(left)
    await left.aclose()
    after = await parts("after", PROMPTS[0], True)
    found = {
        "whole": whole,
        "streamed": streamed,
        "after": after,
        "waiting": len(engine._requests._answers),
        "refusals": [await refusal(prompt) for prompt in ([3] * 64, [], [3, 5000])],
    }
    await engine.stop()
    return found


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """In a process of its own: vLLM can start only once in a process."""
    pytest.importorskip("vllm")
    done = subprocess.run(
        [sys.executable, __file__],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_whole_answer_comes_at_once_and_ends_where_it_must(real: dict[str, Any]) -> None:
    eos = load_benchmark().eos_token_id
    for (answer,) in real["whole"]:
        assert eos not in answer[:-1]
        assert answer[-1] == eos or len(answer) == MAX_NEW_TOKENS
    assert len({len(answer) for (answer,) in real["whole"]}) > 1


def test_a_streamed_answer_has_the_same_tokens_and_its_first_part_comes_early(real: dict[str, Any]) -> None:
    for (answer,), parts in zip(real["whole"], real["streamed"], strict=True):
        assert [token for part in parts for token in part] == answer
    firsts = [len(parts[0]) for parts in real["streamed"]]
    assert all(len(parts) == 2 for parts in real["streamed"])
    assert sum(firsts) < 2 * len(firsts), "most first parts are the first token alone"


def test_a_request_that_is_left_is_forgotten_and_the_next_one_is_answered(real: dict[str, Any]) -> None:
    assert [token for part in real["after"] for token in part] == real["whole"][0][0]
    assert real["waiting"] == 0


def test_a_prompt_that_vllm_could_not_answer_is_refused(real: dict[str, Any]) -> None:
    too_long, empty, unknown = real["refusals"]
    assert too_long == "a prompt has 64 tokens, and max_model_len is 64 with the answer"
    assert empty == "a prompt has 0 tokens, and max_model_len is 64 with the answer"
    assert unknown == "a prompt has the token 5000, and the model has 1920 tokens"


class Request(msgspec.Struct):
    request_id: str
    prompt_token_ids: list[int]


class Core:
    """Stands for the core where it does what a real one does not do on demand. It yields what is put in `outputs`."""

    def __init__(self) -> None:
        self.outputs: asyncio.Queue[Any] = asyncio.Queue()
        self.aborted: list[str] = []

    async def add_request_async(self, request: Request) -> None:
        pass

    async def abort_requests_async(self, ids: list[str]) -> None:
        self.aborted += ids

    async def get_output_async(self) -> Any:
        found = await self.outputs.get()
        if isinstance(found, Exception):
            raise found
        return SimpleNamespace(outputs=found, engine_index=0)

    def says(self, request_id: str, tokens: list[int], reason: int | None = None) -> None:
        self.outputs.put_nowait([SimpleNamespace(request_id=request_id, new_token_ids=tokens, finish_reason=reason)])


def requests(core: Core) -> CoreRequests:
    template = Request("template", [0])
    return CoreRequests(core, template, max_model_len=9, vocabulary=9, ends=(STOP, LENGTH))


def test_an_answer_that_vllm_gave_up_is_an_error_and_no_short_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_vllm_answers, "_DEATH_S", 0.05)

    async def story() -> None:
        core = Core()
        core.says("a", [5, 6], ABORT)
        async for part in requests(core).generate("a", [1], False):
            pytest.fail(f"answered {part}")

    with pytest.raises(RunError, match="ended an answer with the reason '2'"):
        asyncio.run(story())


def test_the_death_of_the_engine_explains_an_answer_that_was_given_up_just_before() -> None:
    async def story() -> None:
        core = Core()
        core.says("a", [5, 6], ABORT)
        core.says("b", [5])
        core.outputs.put_nowait(ValueError("the core died"))
        async for part in requests(core).generate("a", [1], False):
            pytest.fail(f"answered {part}")

    with pytest.raises(ValueError, match="the core died"):
        asyncio.run(story())


def test_an_error_between_the_first_token_and_the_rest_reaches_the_request() -> None:
    async def story() -> None:
        core = Core()
        core.says("a", [5])
        async with asyncio.timeout(5):
            async for part in requests(core).generate("a", [1], True):
                assert part == [5]
                core.outputs.put_nowait(ValueError("the core died"))
                await asyncio.sleep(0.01)

    with pytest.raises(ValueError, match="the core died"):
        asyncio.run(story())


def test_an_error_that_comes_with_the_first_token_reaches_the_request() -> None:
    async def story() -> None:
        core = Core()
        core.says("a", [5])
        core.outputs.put_nowait(ValueError("the core died"))
        async with asyncio.timeout(5):
            async for _ in requests(core).generate("a", [1], True):
                pass

    with pytest.raises(ValueError, match="the core died"):
        asyncio.run(story())


def test_a_request_that_is_cancelled_is_taken_from_the_core() -> None:
    async def story() -> list[str]:
        core = Core()
        waiting = asyncio.create_task(anext(requests(core).generate("a", [1], True)))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        return core.aborted

    assert asyncio.run(story()) == ["a"]


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_real_answers())))
