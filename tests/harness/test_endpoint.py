"""Engine `endpoint` against a server that fails as it is told: what it sends and takes, and what the user reads."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest
from fault_server import EOS, FaultServer, answer_to

pytest.importorskip("aiohttp")

from submitter.embedded.benchmark import model_folder
from submitter.errors import InputError, NotInstalledError, RunError, SeveralErrors, SubmitterError
from submitter.harness.engines import Engine, EnginePlan, check_settings, create, runs_on, shape, versions
from submitter.harness.remote.answers import Answer, AnswerError
from submitter.harness.remote.client import Client
from submitter.harness.remote.retokenise import Retokeniser
from submitter.harness.remote.settings import Settings
from submitter.harness.sampling import Sampling

PLAN = EnginePlan(model="none", max_new_tokens=64, eos_token_id=EOS)
LOG = "the server's log says more; then run it again"
PROMPT = [7, 8, 9]


async def parts(engine: Engine, prompt: list[int], stream: bool) -> list[list[int]]:
    return [list(part) async for part in engine.generate("1", prompt, stream)]


def served(
    at: FaultServer,
    *,
    stream: bool = True,
    requests: int = 1,
    plan: EnginePlan = PLAN,
    sampling: dict[str, Any] | None = None,
    urls: list[str] | None = None,
    **settings: Any,
) -> tuple[list[list[list[int]]], Engine]:
    """The parts of the answer to each of several requests at once, and the engine."""

    async def run() -> tuple[list[list[list[int]]], Engine]:
        everything = {"urls": urls or [at.url], "request_timeout_s": 1.0, **settings}
        engine = create("endpoint", everything, plan, Sampling(**sampling or {}))
        try:
            await engine.start()
            prompts = [[*PROMPT, number + 10] for number in range(requests)]
            return await asyncio.gather(*(parts(engine, prompt, stream) for prompt in prompts)), engine
        finally:
            await engine.stop()

    return asyncio.run(run())


def joined(answer: list[list[int]]) -> list[int]:
    return [token for part in answer for token in part]


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("client_processes", [1, 2])
def test_answers_come_whole_and_in_their_own_request(stream: bool, client_processes: int) -> None:
    with FaultServer() as server:
        answers, engine = served(server, stream=stream, requests=40, client_processes=client_processes)
        assert [joined(answer) for answer in answers] == [answer_to([*PROMPT, n + 10], 64) for n in range(40)]
        assert engine.answers() == {server.url: 40}
        assert [bool(request.get("stream")) for request in server.received[1:]] == [stream] * 40


def test_a_request_has_the_limits_of_the_benchmark_and_greedy_decoding() -> None:
    with FaultServer() as server:
        served(server, extra_body={"priority": 3})
        sent = server.received[-1]
    assert sent == {
        "model": "tiny",
        "prompt": [*PROMPT, 10],
        "temperature": 0.0,
        "max_tokens": 64,
        "min_tokens": 1,
        "stop_token_ids": [EOS],
        "ignore_eos": False,
        "return_token_ids": True,
        "priority": 3,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("server", "fields"),
    [
        ("sglang", {"return_token_ids": True}),
        ("trtllm", {"detokenize": False, "temperature": 0.0, "top_k": 1}),
        ("dynamo", {"nvext": {"extra_fields": ["completion_token_ids"]}}),
    ],
)
def test_each_kind_of_server_is_asked_for_token_ids_in_its_way(server: str, fields: dict[str, Any]) -> None:
    with FaultServer(form="dynamo" if server == "dynamo" else "vllm") as fault_server:
        answers, _ = served(fault_server, server=server)
        sent = fault_server.received[-1]
    assert {key: sent[key] for key in fields} == fields
    assert ("return_token_ids" in sent) == ("return_token_ids" in fields)
    assert joined(answers[0]) == answer_to([*PROMPT, 10], 64)


def test_the_sampling_of_the_open_division_replaces_greedy_decoding() -> None:
    with FaultServer() as server:
        served(server, server="trtllm", sampling={"temperature": 0.7})
        sent = server.received[-1]
    assert sent["temperature"] == 0.7
    assert "top_k" not in sent


def test_sampling_goes_into_each_request_and_beams_are_refused() -> None:
    with FaultServer() as server:
        served(server, sampling={"temperature": 0.7, "top_k": 5, "seed": 3, "num_beams": 1, "early_stopping": True})
        sent = server.received[-1]
    assert (sent["temperature"], sent["top_k"], sent["seed"]) == (0.7, 5, 3)
    assert "num_beams" not in sent
    with pytest.raises(InputError, match="the endpoint engine has no 'num_beams'"):
        check_settings("endpoint", {"urls": ["http://a"]}, Sampling(num_beams=4))


def test_the_first_token_comes_before_the_others_although_it_has_no_text() -> None:
    """The server waits for 0.3 s after the third token; its first chunk has an id and an empty text."""

    async def run(url: str) -> tuple[float, float]:
        engine = create("endpoint", {"urls": [url]}, PLAN)
        await engine.start()
        began_s, times_s = time.monotonic(), []
        async for _ in engine.generate("1", PROMPT, True):
            times_s.append(time.monotonic() - began_s)
        await engine.stop()
        return times_s[0], times_s[-1]

    with FaultServer("slow", after=1) as server:
        first_s, last_s = asyncio.run(run(server.url))
    assert first_s < 0.2
    assert last_s >= 0.3


FAULTS = [
    ("500", "refused a request with status 500: EngineCore encountered an issue: out of memory", LOG),
    ("429", "refused a request with status 429: the queue is full (token=***)", "let the server queue more requests"),
    ("401", "refused a request with status 401: Unauthorized", "api_key_env in engine.toml names"),
    ("404", "refused a request with status 404: The model `tiny` does not exist.", "check urls and model"),
    ("422", "refused a request with status 422: Extra inputs are not permitted", LOG),
    ("redirect", "redirects to https://gateway.example/v1/completions (status 307)", "name that server's base URL"),
    (
        "web page",
        r"answered with text/html, and text/event-stream is required: <html>Welcome\x1b[31m</html>",
        "is it an OpenAI-compatible server?",
    ),
    ("reset", "closed the connection before the end of an answer", LOG),
    ("cut off", "closed the connection before the end of an answer", LOG),
    ("truncated", "ended an answer after 3 tokens without its end", LOG),
    ("stalled", "sent nothing for 1 s", "request_timeout_s in engine.toml is the longest wait"),
    ("stalled at once", "sent nothing for 1 s", "request_timeout_s in engine.toml is the longest wait"),
    ("wrong count", "sent 8 token ids of an answer, and counts 9 tokens (usage)", "tokens were lost or mixed"),
    ("lost chunk", "sent 7 token ids of an answer, and counts 8 tokens (usage)", "tokens were lost or mixed"),
    ("no usage", "did not say how many tokens an answer has (usage)", "use a version that counts them"),
    (
        "error event",
        "reported an error in the middle of an answer: EngineCore encountered an issue: out of memory",
        LOG,
    ),
    ("named error", "reported an error in the middle of an answer: worker disconnected", LOG),
    ("aborted", "ended an answer because of 'abort'", LOG),
    ("other answer", "mixed answers: a request for one answer got part of number 2", "tokens were lost or mixed"),
    ("early end", "mixed answers: more tokens came after the end of an answer", "tokens were lost or mixed"),
    (
        "garbage",
        "sent an answer in another form than the completions API's: JSON is malformed: object keys must be strings "
        "(byte 1)",
        "it was: {not json",
    ),
    (
        "wrong types",
        "sent an answer in another form than the completions API's: Expected `int`, got `str` - at "
        "`$.choices[0].token_ids[0]`",
        'it was: {"choices":[{"index":0,"token_ids":["a"]}]}',
    ),
    (
        "wrong token",
        "sent an answer in another form than the completions API's: Expected `int` >= 0 - at "
        "`$.choices[0].token_ids[0]`",
        'it was: {"choices":[{"index":0,"token_ids":[-7]}]}',
    ),
    ("huge line", "sent an event of more than 16 MiB", "is it an OpenAI-compatible server?"),
    ("no ids", "returned text without token ids", "name the server in engine.toml"),
]


@pytest.mark.parametrize(("fault", "message", "hint"), FAULTS, ids=[fault for fault, _, _ in FAULTS])
def test_a_fault_of_the_server_is_one_line_that_names_it(fault: str, message: str, hint: str) -> None:
    with FaultServer(fault, after=1) as server:
        began_s = time.monotonic()
        with pytest.raises(RunError) as caught:
            served(server)
        assert time.monotonic() - began_s < 10
        assert caught.value.message == f"{server.url} {message}"
        assert hint in caught.value.hint
        assert len(server.received) == 2  # the look before the run, and the request: it is never sent again


@pytest.mark.parametrize("fault", ["500", "stalled"])
def test_a_fault_in_a_client_process_is_the_same_line(fault: str) -> None:
    with FaultServer(fault, after=1) as server, pytest.raises(RunError) as caught:
        served(server, client_processes=2)
    assert caught.value.message.startswith(f"{server.url} ")
    assert ("out of memory" in caught.value.message) == (fault == "500")


def test_a_connection_that_the_server_closes_while_it_is_used_has_its_own_line() -> None:
    """The error is aiohttp's for it; it was seen when a server on two busy cores was late to close idle connections."""
    import aiohttp

    url = "http://node1:8000"

    async def failed() -> None:
        client = Client(Settings(urls=[url]))
        try:
            with client._failures(url):
                raise aiohttp.ClientOSError(None, f"Can not write request body for {url}/v1/completions")
        finally:
            await client.close()

    with pytest.raises(RunError, match=f"^{url} closed a connection on which a request was being sent$") as caught:
        asyncio.run(failed())
    assert "VLLM_HTTP_TIMEOUT_KEEP_ALIVE" in caught.value.hint


@pytest.mark.parametrize("fault", ["comment", "empty chunk"])
def test_what_is_no_token_is_passed_over(fault: str) -> None:
    with FaultServer(fault, after=1) as server:
        answers, _ = served(server)
    assert joined(answers[0]) == answer_to([*PROMPT, 10], 64)


def test_a_server_that_counts_the_eos_token_and_leaves_it_out() -> None:
    with FaultServer(form="no eos") as server:
        answers, _ = served(server)
    assert joined(answers[0]) == answer_to([*PROMPT, 10], 64)


def test_an_answer_shorter_than_its_limit_was_cut_off_by_the_server() -> None:
    answer = Answer(64, EOS)
    answer.whole(
        b'{"choices":[{"index":0,"token_ids":[7,8],"finish_reason":"length"}],"usage":{"completion_tokens":2}}'
    )
    with pytest.raises(AnswerError, match="cut an answer off after 2 tokens, the limit is 64"):
        answer.finish()


def test_a_stream_may_be_cut_anywhere() -> None:
    stream = (
        b'data: {"choices":[{"index":0,"token_ids":[7]}]}\r\n\r\n: ping\r\n\r\n'
        b'data:{"choices":[{"index":0,"text":"\xc3\xa9","token_ids":[8,2],"finish_reason":"stop"}]}\n\n'
        b'data: {"choices":[],"usage":{"completion_tokens":3}}\n\ndata: [DONE]\n\n'
    )
    for cut in range(1, len(stream)):
        answer = Answer(64, EOS)
        answer.feed(stream[:cut])
        answer.feed(stream[cut:])
        answer.finish()
        assert answer.token_ids == [7, 8, 2]


def test_each_request_goes_to_the_server_with_the_fewest() -> None:
    with FaultServer(delay_s=0.2) as slow, FaultServer() as fast:

        async def run() -> dict[str, int]:
            engine = create("endpoint", {"urls": [slow.url, f"{fast.url}/v1/"]}, PLAN)
            await engine.start()
            waiting = [asyncio.create_task(parts(engine, PROMPT, True)) for _ in range(4)]
            await asyncio.sleep(0.1)  # two of them have an answer, from the fast server
            for _ in range(10):
                await parts(engine, PROMPT, True)
            await asyncio.gather(*waiting)
            await engine.stop()
            return engine.answers()

        assert asyncio.run(run()) == {slow.url: 2, fast.url: 12}


def test_connections_are_kept_and_limited() -> None:
    with FaultServer() as server:
        answers, _ = served(server, requests=60, connections=4)
        assert len(answers) == 60
        assert server.connections <= 4 + 1  # and the one that looked at it before


def test_the_key_is_sent_and_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-value")
    with FaultServer() as server:
        _, engine = served(server, api_key_env="MY_KEY")
        assert "Authorization: Bearer secret-value" in server.headers[-1]
        assert "secret" not in str(engine.facts())
    monkeypatch.delenv("MY_KEY")
    with FaultServer() as server, pytest.raises(InputError, match="the environment variable MY_KEY is not set"):
        served(server, api_key_env="MY_KEY")


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with FaultServer() as server:
        assert served(server)[0]


def test_text_is_tokenised_again_and_the_record_says_so() -> None:
    """The embedded model's own tokenizer: the first token stays the one that was reported, and EOS is the stop."""
    from tokenizers import Tokenizer

    plan = EnginePlan(model=str(model_folder()), max_new_tokens=64, eos_token_id=EOS)
    with FaultServer(form="text") as server:
        answers, engine = served(server, plan=plan, server="openai", answers="text")
        assert "return_token_ids" not in server.received[-1]
    (answer,) = answers
    assert len(answer) == 2
    tokenizer = Tokenizer.from_file(f"{model_folder()}/tokenizer.json")
    expected = "".join("" if t == EOS else f" {chr(97 + t % 26)}" for t in answer_to([*PROMPT, 10], 64))
    assert tokenizer.decode(joined(answer), skip_special_tokens=True) == expected
    assert joined(answer)[-1] == EOS
    assert "may differ from what the servers generated" in engine.facts()["token_ids"]


def test_facts_name_version_model_limit_and_caching() -> None:
    with FaultServer() as server:
        _, engine = served(server)
    assert engine.facts() == {
        f"{server.url} version": "0.32.0",
        f"{server.url} model": "tiny",
        f"{server.url} max_model_len": "4096",
        f"{server.url} block_size": "16",
        f"{server.url} prefix_caching": "off (/metrics: vllm:cache_config_info)",
        "token_ids": "as the servers send them; their number equals the servers' own count (usage)",
    }


@pytest.mark.parametrize(
    ("server", "found"),
    [
        ({"metrics": 'vllm:cache_config_info{enable_prefix_caching="True"} 1.0'}, "on (/metrics"),
        (
            {"metrics": "", "pages": {"/get_server_info": {"disable_radix_cache": False, "version": "0.5"}}},
            "on (/get_server_info: disable_radix_cache)",
        ),
        ({"metrics": "", "pages": {"/get_server_info": {"disable_radix_cache": True}}}, "off (/get_server_info"),
        ({"metrics": "", "cached_tokens": 256}, "on (usage: tokens of a repeated prompt came from a cache)"),
        ({"metrics": "", "cached_tokens": 0}, "off (usage: no token of a repeated prompt came from a cache)"),
        ({"metrics": "", "pages": {"/metrics": None, "/version": None}}, "unknown (the server does not say)"),
    ],
)
def test_prefix_caching_is_found_out(server: dict[str, Any], found: str) -> None:
    with FaultServer(**server) as fault_server:
        _, engine = served(fault_server)
    assert engine.facts()[f"{fault_server.url} prefix_caching"].startswith(found)


def test_all_servers_are_looked_at_and_all_problems_reported() -> None:
    with FaultServer(models=("a", "b")) as several, FaultServer(models=()) as none, FaultServer() as good:
        urls = [several.url, none.url, good.url, "http://127.0.0.1:1"]
        with pytest.raises(SeveralErrors) as caught:
            served(good, urls=urls)
    assert [(type(each), each.message) for each in caught.value.problems] == [
        (InputError, f"{several.url} serves several models: a, b"),
        (InputError, f"{none.url}/v1/models lists no model"),
        (NotInstalledError, "http://127.0.0.1:1 cannot be reached: connection refused"),
    ]
    with FaultServer() as server, pytest.raises(InputError, match="does not serve the model 'other'") as missing:
        served(server, model="other")
    assert missing.value.hint == "it serves: tiny"


def test_a_client_process_that_dies_ends_the_run() -> None:
    async def run(url: str) -> None:
        engine = create("endpoint", {"urls": [url], "client_processes": 2}, PLAN)
        await engine.start()
        try:
            assert len(engine.process_ids()) == 2
            task = asyncio.create_task(parts(engine, PROMPT, True))
            await asyncio.sleep(0.2)
            os.kill(engine.process_ids()[0], 9)
            await asyncio.wait_for(task, 10)
        finally:
            await engine.stop()

    with (
        FaultServer("stalled", after=1) as server,
        pytest.raises(RunError, match="the engine failed: client process 1 of 2 ended by SIGKILL"),
    ):
        asyncio.run(run(server.url))


def test_client_processes_are_gone_after_the_engine_stops() -> None:
    async def run(url: str) -> list[int]:
        engine = create("endpoint", {"urls": [url], "client_processes": 2}, PLAN)
        await engine.start()
        ids = engine.process_ids()
        await engine.stop()
        return ids

    with FaultServer() as server:
        for process in asyncio.run(run(server.url)):
            assert not Path(f"/proc/{process}").exists()


def test_the_module_says_what_it_needs_of_this_machine() -> None:
    assert runs_on("endpoint") is None
    assert shape("endpoint", {"urls": ["http://a"], "client_processes": 3}).ranks == 3
    assert shape("endpoint", {"urls": ["http://a"]}).devices == 0
    assert set(versions("endpoint")) == {"aiohttp", "msgspec", "tokenizers"}


@pytest.mark.parametrize(
    ("settings", "message", "hint"),
    [
        ({}, "[settings] urls is missing", 'write: urls = ["http://localhost:8000"]'),
        ({"urls": []}, "'urls' names no server", "write: urls"),
        ({"urls": ["a:8000"]}, "urls: a:8000 is not a URL", "write it as http://host:8000"),
        ({"urls": ["http://a:x"]}, "urls: http://a:x is not a URL", "write it as"),
        (
            {"urls": ["http://u:pw@a"]},
            "urls: http://***@a has credentials, and engine.toml is published",
            "api_key_env",
        ),
        (
            {"urls": ["http://a/v1/completions"]},
            "urls: http://a/v1/completions is not a base URL",
            "give the part before",
        ),
        ({"urls": ["http://a", "http://a/v1"]}, "urls names http://a/v1 twice", "name each server once"),
        ({"urls": ["http://a"], "conections": 4}, "the endpoint engine has no setting 'conections'", "'connections'?"),
        ({"urls": ["http://a"], "server": "vlm"}, "'server' cannot be 'vlm'", "did you mean 'vllm'?"),
        ({"urls": ["http://a"], "connections": 0}, "'connections' cannot be 0", "takes at least 1 here"),
        ({"urls": ["http://a"], "client_processes": "2"}, "'client_processes' cannot be '2'", "a whole number"),
        ({"urls": ["http://a"], "server": "openai"}, "a server of plain OpenAI form returns no token ids", "answers"),
        (
            {"urls": ["http://a"], "api_key_env": "sk-x y"},
            "api_key_env is not the name of an environment variable",
            "set the key in the shell",
        ),
        ({"urls": ["http://a"], "extra_body": {"top_k": 1}}, "extra_body cannot have 'top_k'", "use [sampling]"),
        (
            {"urls": ["http://a"], "extra_body": {"api_key": "x"}},
            "'api_key' in extra_body looks like a secret, and engine.toml is published",
            "use api_key_env",
        ),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(SubmitterError) as caught:
        check_settings("endpoint", settings)
    assert caught.value.message == f"engine.toml: {message}"
    assert hint in caught.value.hint


def test_what_was_reported_first_stays_and_text_is_never_a_special_token() -> None:
    pytest.importorskip("tokenizers")
    retokeniser = Retokeniser(model_folder(), EOS, 12)
    first = retokeniser.first("The")
    assert retokeniser.first("") == retokeniser.first("\N{REPLACEMENT CHARACTER}") == []
    whole = first + retokeniser.rest(first, "The", "The </s> cat", has_eos=True)
    assert whole.count(EOS) == 1
    assert whole[-1] == EOS
    odd = retokeniser.first("Th")  # not how the whole text begins
    assert (odd + retokeniser.rest(odd, "Th", "The cat", has_eos=False))[: len(odd)] == odd
    assert len(first + retokeniser.rest(first, "The", "The" + " cat" * 40, has_eos=True)) == 12
