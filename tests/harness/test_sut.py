"""The SUT's contract, point by point, without LoadGen: what it asks of the engine and what it hands back."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from submitter.errors import RunError
from submitter.harness.engines import EnginePlan, echo
from submitter.harness.sut import Sut, finished_answer, longest_first

EOS = 2


class Prompts:
    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def prompt(self, index: int) -> list[int]:
        return [10 + index] * self.lengths[index]


class Told:
    """Stands where LoadGen stands, and notes the order of what it is told."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, list[int]]] = []

    def first_token(self, response_id: int, token: int) -> None:
        self.calls.append(("first", response_id, [token]))

    def complete(self, response_id: int, tokens: Sequence[int]) -> None:
        self.calls.append(("complete", response_id, list(tokens)))


async def serve(engine: object, prompts: Prompts, pairs: list[tuple[int, int]], **options: object) -> Told:
    told = Told()
    failures: list[BaseException] = []
    settings = {"in_flight": 8, "sort_offline": False, "max_new_tokens": 32, **options}
    sut = Sut(engine, prompts, told, eos_token_id=EOS, on_failure=failures.append, **settings)  # type: ignore[arg-type]
    sut.begin(stream=True)
    threading.Thread(target=sut.issue, args=(pairs,)).start()
    async with asyncio.timeout(10):
        while sut.progress.done < len(pairs) and not failures:
            await asyncio.sleep(0.001)
    await sut.end()
    if failures:
        raise failures[0]
    return told


def run(engine: object, prompts: Prompts, pairs: list[tuple[int, int]], **options: object) -> Told:
    return asyncio.run(serve(engine, prompts, pairs, **options))


def an_echo(**settings: object) -> echo.EchoEngine:
    return echo.EchoEngine(
        echo.Settings(**settings),  # type: ignore[arg-type]
        EnginePlan(model="none", max_new_tokens=32, eos_token_id=EOS),
    )


def test_each_sample_is_told_its_first_token_once_and_then_all_its_tokens_once() -> None:
    told = run(an_echo(output_tokens=5, per_token_ms=1), Prompts([4] * 50), [(i, i) for i in range(50)])
    for response_id in range(50):
        mine = [(kind, tokens) for kind, told_id, tokens in told.calls if told_id == response_id]
        body = [10 + response_id] * 4
        assert mine == [("first", body[:1]), ("complete", [*body, EOS])]


class Watching:
    """An engine that counts how many requests it has at once, and in which order they came."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.order: list[int] = []
        self.ids: list[str] = []
        self.threads: set[int] = set()

    async def generate(self, request_id: str, prompt: Sequence[int], stream: bool) -> AsyncIterator[Sequence[int]]:
        self.ids.append(request_id)
        self.order.append(len(prompt))
        self.threads.add(threading.get_ident())
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        yield [5]
        yield [6, EOS]
        self.now -= 1


def test_the_engine_has_no_more_samples_at_once_than_it_should_and_all_on_one_thread() -> None:
    engine = Watching()
    run(engine, Prompts([3] * 100), [(i, i) for i in range(100)], in_flight=7)
    assert engine.most == 7
    assert len(engine.threads) == 1
    assert len(set(engine.ids)) == 100


def test_sorting_stays_inside_each_copy_of_the_data_set() -> None:
    rng = random.Random(3)
    prompts = Prompts([rng.randint(1, 40) for _ in range(20)])
    pairs = []
    for copy in range(3):
        indices = rng.sample(range(20), 20)
        pairs += [(copy * 20 + place, index) for place, index in enumerate(indices)]
    ordered = longest_first(pairs, prompts)
    for copy in range(3):
        part = ordered[copy * 20 : copy * 20 + 20]
        assert sorted(part) == sorted(pairs[copy * 20 : copy * 20 + 20])
        lengths = [prompts.lengths[index] for _, index in part]
        assert lengths == sorted(lengths, reverse=True)
    assert [prompts.lengths[index] for _, index in ordered] != sorted(prompts.lengths * 3, reverse=True)


def test_an_unsorted_query_reaches_the_engine_as_it_was_issued() -> None:
    engine = Watching()
    run(engine, Prompts([9, 1, 5, 7]), [(0, 1), (1, 3), (2, 0), (3, 2)], in_flight=1)
    assert engine.order == [1, 7, 9, 5]


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ([], "empty answer"),
        ([EOS], "empty answer"),
        ([5, EOS, 6], "continued after the EOS"),
        ([5, EOS, EOS], "continued after the EOS"),
        ([5] * 33, "33 tokens, the limit is 32"),
    ],
)
def test_an_answer_that_breaks_the_contract_is_an_error(tokens: list[int], message: str) -> None:
    with pytest.raises(RunError, match=message):
        finished_answer(tokens, EOS, 32)


@pytest.mark.parametrize(("tokens", "sent"), [([5], [5, EOS]), ([5, EOS], [5, EOS]), ([5, 6], [5, 6])])
def test_loadgen_never_gets_fewer_than_two_tokens(tokens: list[int], sent: list[int]) -> None:
    assert finished_answer(tokens, EOS, 32) == sent


def test_a_failing_engine_is_reported_not_swallowed() -> None:
    with pytest.raises(RuntimeError, match="fail after 3"):
        run(an_echo(fail_after=3), Prompts([4] * 10), [(i, i) for i in range(10)])
