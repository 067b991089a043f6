"""A draft from tests/fixtures/inference-v9: a round that does not exist, in the form of the official checkout."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from submitter.errors import InputError
from submitter.rulebook import load_rulebook, parse, round_names
from submitter.rulebook_import import Draft, draft

CHECKOUT = Path(__file__).resolve().parents[1] / "fixtures" / "inference-v9"
CONSTANTS = "tools/submission/submission_checker/constants.py"
LAST = round_names()[-1]


@pytest.fixture(scope="module")
def drafted() -> Draft:
    """The constants raise an error where they are run: a draft is the proof that they are not."""
    return draft(CHECKOUT, "v9.0")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return shutil.copytree(CHECKOUT, tmp_path / "inference")


def at(value: Any, path: str) -> Any:
    for step in path.split("/"):
        value = value[step] if isinstance(value, dict) else getattr(value, step)
    return msgspec.json.decode(msgspec.json.encode(value))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("round/name", "v9.0"),
        ("round/file_max_bytes", 64 * 2**20),
        ("round/loadgen_versions", ["9.0.3"]),
        ("seeds/schedule_rng_seed", 16159082839903944937),
        ("ignored_errors", ["a harmless error"]),
        ("system/network_fields", ["is_network", "network_type"]),
        ("metric/Interactive", "result_completed_samples_per_sec"),
        ("accuracy_patterns/task_success", r'\{"tasks":\s*([\d.]+)\}'),
        ("accuracy_column", {"rouge1": "ROUGE1", "gen_len": "GEN_LEN", "tokens_per_sample": "TOKENS_PER_SAMPLE"}),
        ("power/analyzers", {"YokogawaWT500": 35}),
        ("power/clock_tolerance_ms", 900),
        ("power/sources", {"client.py": "bb"}),
        ("compliance/TEST06/audit", {"mode": 2, "accuracy_log_sampling_target": 100}),
        ("compliance/TEST10/audit", {"mode": 2, "min_query_count": 600}),
        ("benchmarks/llama3.1-8b/loadgen_model_interactive", "llama3_1-8b-interactive"),
        ("benchmarks/llama3.1-8b/token_latency/Server", {"ttft_ns": 1500000000, "tpot_ns": 100000000}),
        ("benchmarks/llama3.1-8b/scenarios/datacenter/one_of", ["Server", "Interactive"]),
        ("benchmarks/llama3.1-8b/equal_issue", True),
        ("benchmarks/llama3.1-8b/accuracy/rouge1/factor", 0.995),
        ("benchmarks/llama3.1-8b/accuracy/gen_len/upper_factor", 1.1),
        ("benchmarks/llama3.1-8b/max_new_tokens", 128),
        ("benchmarks/agent-9b/compliance", ["TEST10"]),
        ("benchmarks/agent-9b/min_duration_ms", 0),
        ("benchmarks/agent-9b/unit", {"SingleStream": "Latency (s)"}),
        ("benchmarks/agent-9b/accuracy_sample_count", {"SingleStream": 100}),
        ("benchmarks/agent-9b/accuracy_files", {"traces": ["3", "5"]}),
        ("benchmarks/agent-9b/accuracy/task_success/reference", 87.5),
        ("benchmarks/agent-9b/accuracy/tokens_per_sample/optional", True),
        ("benchmarks/agent-9b/accuracy_of/SingleStream/task_success/factor", 1),
        ("benchmarks/agent-9b/use_token_latencies", True),
    ],
)
def test_what_the_constants_say_is_in_the_draft(drafted: Draft, path: str, expected: Any) -> None:
    assert at(drafted.book, path) == expected
    assert parse(drafted.text, "v9.0.toml") == drafted.book


def test_everything_else_is_kept_from_the_newest_round_and_to_be_confirmed(drafted: Draft) -> None:
    last, book = load_rulebook(LAST), drafted.book
    assert drafted.last == LAST
    assert (book.checker.absent, book.checker.not_enforced) == (last.checker.absent, last.checker.not_enforced)
    assert (book.summary, book.model_guesses, book.endpoints) == (last.summary, last.model_guesses, last.endpoints)
    assert book.compliance["TEST06"].verify == last.compliance["TEST06"].verify
    assert set(book.benchmarks) == {"llama3.1-8b", "agent-9b"}
    assert set(book.models) == {"meta-llama/Llama-3.1-8B-Instruct"}
    for slot in drafted.slots:
        assert slot.is_said or (slot.where and slot.value == slot.before), slot.path
    assert drafted.to_confirm["benchmarks.agent-9b.loadgen_model"].startswith("the reference implementation")
    assert "checker.absent" in drafted.to_confirm
    assert "benchmarks.llama3.1-8b.dataset_size" not in drafted.to_confirm


def test_each_line_that_is_not_as_before_has_its_mark(drafted: Draft) -> None:
    lines = drafted.text.splitlines()
    assert 'ignored_errors = ["a harmless error"]  # MODEL_CONFIG["ignore_errors"]; new' in lines
    assert 'required_files = ["user.conf", "README.md"]  # REQUIRED_MEASURE_FILES' in lines
    changed = f'VALID_AVAILABILITIES; changed: {LAST} has ["available", "preview", "rdi"]'
    assert f'statuses = ["available", "preview"]  # {changed}' in lines
    assert "[benchmarks.agent-9b]  # new" in lines
    assert "[compliance.TEST10]  # new" in lines
    assert "# removed: compliance.TEST01" in lines
    assert '# removed: MultiStream = "Latency (ms)"' in lines
    assert any(re.fullmatch(r"# removed: accuracy\.rouge2 = \{ .* \}", line) for line in lines)
    assert f"[model_guesses]  # as in {LAST}, confirm: get_mlperf_model" in lines
    assert "dataset_size = 13368" in lines, "what is as before, and said by the constants, has no mark"
    assert "benchmarks.llama3.1-8b.accuracy" in drafted.changed
    assert "benchmarks.llama3.1-8b.dataset_size" not in drafted.changed


def test_each_value_of_the_checkout_has_its_source(drafted: Draft) -> None:
    """That of the benchmarks is said once, above them."""
    said = [slot for slot in drafted.slots if slot.is_said and slot.value is not None]
    assert {slot.path for slot in said if slot.path[0] != "benchmarks" and not slot.source} == {
        ("round", "name"),
        ("round", "source"),
        ("checker", "source"),
    }
    above = drafted.text.index("# The benchmarks. From MODEL_CONFIG: ")
    assert drafted.text.index("[models.") < above < drafted.text.index("[benchmarks.")
    comment = drafted.text[above:].partition("\n\n")[0]
    keys = {slot.path[2] for slot in said if slot.path[0] == "benchmarks"}
    assert "token_latency" in keys
    assert not {key for key in keys if key not in comment}


def test_what_nothing_here_reads_is_named(drafted: Draft) -> None:
    assert drafted.warnings[:2] == [
        "MODEL_CONFIG has keys that nothing here reads: max-turns",
        "the checker has constants that nothing here reads: AGENT_TOOLS",
    ]
    assert {line.split(" is new")[0] for line in drafted.warnings[2:]} == {"agent-9b", "TEST10"}
    assert all(f"# {warning}" in drafted.text for warning in drafted.warnings)


def test_the_seeds_of_loadgen_are_compared(checkout: Path) -> None:
    conf = checkout / "loadgen/mlperf.conf"
    conf.write_text(conf.read_text("utf-8").replace("qsl_rng_seed = 101", "qsl_rng_seed = 1"), "utf-8")
    assert draft(checkout, "v9.0").warnings[0].startswith("the seeds of LoadGen in this checkout are another round's")


def test_a_stranger_s_text_is_safe_to_print(checkout: Path) -> None:
    replaced('"max-turns"', r'"\x1b[31m\n"')(checkout)
    drafted = draft(checkout, "v9.0")
    assert drafted.warnings[0] == r"MODEL_CONFIG has keys that nothing here reads: \x1b[31m\x0a"
    assert all(line.isprintable() for line in drafted.text.splitlines())


def test_loadgen_and_the_checker_are_compared(checkout: Path, drafted: Draft) -> None:
    assert not [line for line in drafted.warnings if "LoadGen's" in line]
    conf = checkout / "loadgen/mlperf.conf"
    text = conf.read_text("utf-8").replace("override = 300", "override = 200").replace("latency = 500", "latency = 450")
    conf.write_text(f"{text}llama3_1-8b.Server.target_latency = 0\n*.Offline.min_duration = 60000\n", "utf-8")
    assert draft(checkout, "v9.0").warnings[:3] == [
        "LoadGen's min_duration of Offline is 60000 ms, and the checker has 600000 ms",
        "LoadGen's llama3_1-8b-interactive.Server.ttft_latency is 450 ms, and the checker has 500 ms for llama3.1-8b",
        "LoadGen's agent-9b.*.performance_sample_count_override is 200, and the checker has 300 for agent-9b",
    ]


def test_the_commit_of_a_worktree_is_named(checkout: Path, tmp_path: Path) -> None:
    git = tmp_path / "main/.git/worktrees/inference"
    git.mkdir(parents=True)
    (checkout / ".git").write_text(f"gitdir: {git}\n", "utf-8")
    (git / "commondir").write_text("../..\n", "utf-8")
    (git / "HEAD").write_text("ref: refs/heads/round\n", "utf-8")
    (tmp_path / "main/.git/packed-refs").write_text("fedcba9876" * 4 + " refs/heads/round\n", "utf-8")
    assert draft(checkout, "v9.0").book.round.source == "mlcommons/inference fedcba98"


def test_the_commit_is_named(checkout: Path) -> None:
    (checkout / ".git/refs/heads").mkdir(parents=True)
    (checkout / ".git/HEAD").write_text("ref: refs/heads/master\n", "utf-8")
    (checkout / ".git/refs/heads/master").write_text("0123456789" * 4 + "\n", "utf-8")
    assert draft(checkout, "v9.0").book.round.source == "mlcommons/inference 01234567"
    (checkout / ".git/refs/heads/master").unlink()
    (checkout / ".git/packed-refs").write_text("abcdef0123" * 4 + " refs/heads/master\n", "utf-8")
    assert draft(checkout, "v9.0").book.round.source == "mlcommons/inference abcdef01"
    (checkout / ".git/HEAD").write_bytes(b"\xff")
    assert draft(checkout, "v9.0").book.round.source == "mlcommons/inference"


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def damage(checkout: Path) -> None:
        path = checkout / CONSTANTS
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")

    return damage


@pytest.mark.parametrize(
    ("damage", "message", "hint"),
    [
        (shutil.rmtree, "inference is not a folder", "name a checkout of mlcommons/inference"),
        (
            lambda it: (it / CONSTANTS).unlink(),
            "is not a checkout of mlcommons/inference: it has neither tools/",
            "git",
        ),
        (
            replaced('"v9.0": {\n        "models"', '"v8.5": {\n        "models"'),
            "has no round v9.0",
            "it has v8.5: take",
        ),
        (
            replaced("VALID_DIVISIONS =", "VALID DIVISIONS ="),
            "constants.py:46: not Python: invalid syntax",
            "take the f",
        ),
        (replaced("TEST_DURATION_MS =", "DURATION ="), "constants.py does not set TEST_DURATION_MS", "only literals"),
        (
            replaced("= 600000", "= minutes(10)"),
            "constants.py:54: TEST_DURATION_MS is not a literal: TEST_D",
            "only lit",
        ),
        (
            replaced("= 600000", "= '10 min'"),
            "TEST_DURATION_MS: expected `int`, got `str`",
            "the official checker has a",
        ),
        (
            replaced('["llama3.1-8b", "agent-9b"]', "7"),
            '["v9.0"] at $.models: expected `array`, got `int`',
            "the offic",
        ),
        (
            replaced('["Server", "Offline"]', '["Agentic"]'),
            "invalid enum value 'Agentic'",
            "the official checker has a",
        ),
        (
            replaced('["llama3.1-8b", "agent-9b"]', r'["\x1b[31m"]'),
            r"'\x1b[31m' is not the name of a benchmark",
            "the official checker has a",
        ),
        (replaced('["Server", "Offline"]', r'["\x1b"]'), r"invalid enum value '\x1b'", "the official checker has a"),
        (replaced('"agent-9b": 300', '"agent": 3'), '"performance-sample-count"] has no agent-9b', "take a checkout"),
        (
            replaced('("ROUGE1", ', '("ROUGE7", '),
            "the scores of llama3.1-8b are not pairs of a metric of ACC_PA",
            "only",
        ),
        (
            replaced('"ttft"', '"first"'),
            "LLM_LATENCY_LIMITS of llama3.1-8b does not have ttft and tpot",
            "only literals",
        ),
        (
            lambda it: (it / "loadgen/mlperf.conf").unlink(),
            "there is no configuration of LoadGen ",
            "take a whole chec",
        ),
        (
            lambda it: (it / "loadgen/mlperf.conf").write_text("a b c"),
            "mlperf.conf:1: LoadGen refuses 'a b c'",
            "write",
        ),
    ],
)
def test_what_is_not_such_a_checkout_gets_one_clear_line(
    checkout: Path, damage: Callable[[Path], object], message: str, hint: str
) -> None:
    damage(checkout)
    with pytest.raises(InputError) as error:
        draft(checkout, "v9.0")
    assert message in error.value.message
    assert "\n" not in error.value.message
    assert error.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("name", "message"),
    [("v9", "'v9' is not the name of a round"), ("v0.7", "there is no round before v0.7 to draft it on")],
)
def test_the_round_s_name_is_checked(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        draft(CHECKOUT, name)


def test_no_damage_to_the_constants_raises_anything_else(checkout: Path) -> None:
    """Pieces of the file are removed, doubled or replaced: there is a draft, or an error that says why not."""
    random_ = random.Random(13)
    path, outcomes, refused = checkout / CONSTANTS, [], 0
    pieces = re.findall(r"\w+|\s+|.", path.read_text("utf-8"))
    for _ in range(60):
        damaged = list(pieces)
        for _ in range(random_.choice((1, 1, 2, 5))):
            at_ = random_.randrange(len(damaged))
            damaged[at_] = random_.choice(["", damaged[at_] * 2, "7", "'x'", "None", "[]", "{}", "(", "name"])
        path.write_text("".join(damaged), "utf-8")
        try:
            outcomes.append(bool(draft(checkout, "v9.0").text))
        except InputError as error:
            outcomes.append(error.message.isprintable())
            refused += 1
    assert all(outcomes)
    assert 0 < refused < len(outcomes)
