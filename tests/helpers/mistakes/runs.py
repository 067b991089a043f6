"""What goes wrong in a run: nothing shows it before."""

from __future__ import annotations

from ready_campaign import Ready

from mistakes.edits import Edit, all_of, nothing, replace
from mistakes.record import Base, Mistake, Stage


def _engine(scenario: str, line: str) -> Edit:
    return replace(f"measurements/{scenario}/engine.toml", "[settings]\n", f"[settings]\n{line}\n")


def _both(line: str) -> Edit:
    return all_of(_engine("Offline", line), _engine("Server", line))


def _short_answers(made: Ready) -> None:
    for scenario in ("Offline", "Server"):
        replace(f"measurements/{scenario}/engine.toml", "output_tokens = 5", "output_tokens = 0")(made)


_RUN_OFFLINE = ("run", "{file}", "--scenario", "Offline", "--mode", "accuracy")

MISTAKES = (
    Mistake(
        id="run-engine-does-not-start",
        what="the engine fails while it loads",
        base=Base.REHEARSAL,
        make=_both("fail_at_start = true"),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="the echo engine is set to fail at its start",
        code=4,
    ),
    Mistake(
        id="run-engine-crashes",
        what="the engine fails during a run",
        base=Base.REHEARSAL,
        make=_both("fail_after = 40"),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="set to fail after 40 requests",
        code=4,
    ),
    Mistake(
        id="run-engine-hangs",
        what="the engine stops answering",
        base=Base.REHEARSAL,
        make=all_of(_both("hang_after = 40"), replace("campaign.toml", "stall_s = 20", "stall_s = 1")),
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="timed out waiting for the next finished sample (limit 1 s)",
        remedy="the engine's log is out/engine/",
        code=4,
    ),
    Mistake(
        id="run-empty-answers",
        what="the engine returns empty answers",
        base=Base.REHEARSAL,
        make=_short_answers,
        stage=Stage.RUN,
        command=_RUN_OFFLINE,
        message="the engine returned an empty answer",
        code=4,
    ),
    Mistake(
        id="run-rate-too-high",
        what="a target rate above what the engine can serve: LoadGen reports INVALID",
        base=Base.REHEARSAL,
        make=_engine("Server", "per_token_ms = 300"),
        stage=Stage.RUN,
        command=("run-all", "{file}"),
        message="INVALID",
        code=1,
        is_slow=True,
    ),
    Mistake(
        id="run-no-end-token",
        what="answers without an end token",
        base=Base.REHEARSAL,
        make=_both("end_with_eos = false"),
        stage=Stage.RUN,
        command=("run-all", "{file}"),
        message="answers were cut before max_new_tokens",
        code=1,
        is_slow=True,
    ),
    Mistake(
        id="run-scored-without-runs",
        what="score before any run",
        base=Base.REHEARSAL,
        make=nothing,
        stage=Stage.SCORE,
        message="holds no finished run",
        remedy="run it again",
    ),
    Mistake(
        id="run-assembled-without-runs",
        what="assemble before any run",
        base=Base.REHEARSAL,
        make=nothing,
        stage=Stage.ASSEMBLE,
        message="holds no finished run",
        remedy="run it again",
    ),
)
