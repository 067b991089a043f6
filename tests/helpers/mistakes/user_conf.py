"""Mistakes in a scenario's user.conf. LoadGen ignores most lines that it does not understand, without a word."""

from __future__ import annotations

from mistakes.edits import append, remove, replace, write
from mistakes.record import Mistake

_SERVER = "measurements/Server/user.conf"
_OFFLINE = "measurements/Offline/user.conf"
_INTERACTIVE = "measurements/Interactive/user.conf"
_LINE = "*.Server.target_qps = 70"

MISTAKES = (
    Mistake(
        id="conf-missing",
        what="no user.conf",
        make=remove(_SERVER),
        message=f"there is no user.conf {_SERVER}",
    ),
    Mistake(
        id="conf-empty",
        what="an empty user.conf: LoadGen would aim at 1 sample/s",
        make=write(_SERVER, ""),
        message=_SERVER,
        also=("target_qps",),
    ),
    Mistake(
        id="conf-no-rate",
        what="no target_qps: LoadGen would aim at 1 sample/s",
        make=write(_SERVER, "# to be tuned\n"),
        message=_SERVER,
        also=("target_qps",),
    ),
    Mistake(
        id="conf-misspelt-key",
        what="a misspelt key, which LoadGen ignores: target_qsp",
        make=replace(_SERVER, "target_qps", "target_qsp"),
        message="target_qsp",
        remedy="target_qps",
        also=(_SERVER,),
    ),
    Mistake(
        id="conf-no-model",
        what="a line without its model, which LoadGen ignores: Server.target_qps",
        make=replace(_SERVER, "*.Server", "Server"),
        message="Server.target_qps",
        remedy="*.Server.target_qps",
    ),
    Mistake(
        id="conf-lower-case",
        what="a scenario in lower case, which LoadGen ignores: *.server.target_qps",
        make=replace(_SERVER, "Server", "server"),
        message="*.server.target_qps",
        remedy="*.Server.target_qps",
    ),
    Mistake(
        id="conf-interactive",
        what="Interactive as the scenario, which LoadGen runs as Server: *.Interactive.target_qps",
        make=replace(_INTERACTIVE, "*.Server", "*.Interactive"),
        message="*.Interactive.target_qps",
        remedy="llama2-70b-interactive.Server.target_qps = 32",
    ),
    Mistake(
        id="conf-other-scenario",
        what="the rate of another scenario: *.Server.target_qps in Offline's user.conf",
        make=replace(_OFFLINE, "*.Offline.target_qps", "*.Server.target_qps"),
        message=f"{_OFFLINE} sets no target_qps for Offline",
        remedy="*.Offline.target_qps",
    ),
    Mistake(
        id="conf-other-model",
        what="another model's name, which LoadGen ignores: llama3_1-8b.Server.target_qps",
        make=replace(_SERVER, "*.Server", "llama3_1-8b.Server"),
        message="llama3_1-8b.Server.target_qps",
        remedy="llama2-70b",
    ),
    Mistake(
        id="conf-benchmark-for-model",
        what="the benchmark's name for LoadGen's model: llama2-70b-99.9.Server.target_qps",
        make=replace(_SERVER, "*.Server", "llama2-70b-99.9.Server"),
        message="llama2-70b-99.9.Server.target_qps",
        remedy="llama2-70b",
    ),
    Mistake(
        id="conf-short",
        what="the min_duration of a rehearsal",
        make=append(_SERVER, "*.*.min_duration = 60000\n"),
        message="min_duration is 60000 ms, the round requires 600000 ms",
        remedy="remove it",
    ),
    Mistake(
        id="conf-max-duration",
        what="a max_duration below the round's minimum, which ends the run too early",
        make=append(_SERVER, "*.*.max_duration = 60000\n"),
        message=f"{_SERVER}: max_duration is 60000 ms, which ends the run before its min_duration of 600000 ms",
        remedy="remove it",
    ),
    Mistake(
        id="conf-max-query-count",
        what="a max_query_count, which ends the run too early",
        make=append(_SERVER, "*.*.max_query_count = 1000\n"),
        message=f"{_SERVER}: max_query_count is 1000, which ends the run before",
        remedy="remove it",
    ),
    Mistake(
        id="conf-too-few-samples",
        what="a performance_sample_count_override below the round's",
        make=append(_SERVER, "*.*.performance_sample_count_override = 1024\n"),
        message="performance_sample_count_override",
        also=(_SERVER,),
    ),
    Mistake(
        id="conf-too-many-samples",
        what="a performance_sample_count_override above the number of samples",
        make=append(_SERVER, "*.*.performance_sample_count_override = 30000\n"),
        message="performance_sample_count_override",
        remedy="24576",
    ),
    Mistake(
        id="conf-seed",
        what="a seed, which LoadGen does not read from user.conf",
        make=append(_SERVER, "*.*.qsl_rng_seed = 1\n"),
        message="qsl_rng_seed",
    ),
    Mistake(
        id="conf-mode",
        what="a mode, which is not for user.conf",
        make=append(_SERVER, "*.*.mode = 1\n"),
        message="mode",
        also=(_SERVER,),
    ),
    Mistake(
        id="conf-latency-limits",
        what="a wider limit for the first token",
        make=append(_SERVER, "*.Server.ttft_latency = 3000\n"),
        message="llama2-70b-99.9 Server requires TTFT 2000 ms",
        remedy="remove ttft_latency and tpot_latency",
    ),
    Mistake(
        id="conf-no-token-latencies",
        what="token latencies turned off",
        make=append(_SERVER, "*.*.use_token_latencies = 0\n"),
        message="turns token latencies off",
        remedy="remove use_token_latencies",
    ),
    Mistake(
        id="conf-order",
        what="samples drawn at random instead of in whole passes",
        make=append(_SERVER, "*.*.sample_concatenate_permutation = 0\n"),
        message="changes sample_concatenate_permutation",
        remedy="remove it",
    ),
    *(
        Mistake(
            id=f"conf-rate-{name}",
            what=f"a target rate {value}" if value else "a target rate without a value",
            make=replace(_SERVER, _LINE, f"*.Server.target_qps = {value}"),
            message=_SERVER,
            also=("target_qps",),
        )
        for name, value in (
            ("zero", "0"),
            ("negative", "-70"),
            ("infinite", "inf"),
            ("nan", "nan"),
            ("text", "fast"),
            ("with-unit", "70/s"),
            ("comma", "70,5"),
            ("empty", ""),
        )
    ),
    Mistake(
        id="conf-two-rates",
        what="two lines with different rates",
        make=append(_SERVER, "*.Server.target_qps = 90\n"),
        message=_SERVER,
        also=("target_qps = 70", "line 3 sets *.Server.target_qps again"),
    ),
    Mistake(
        id="conf-no-spaces",
        what="no spaces around the equals sign",
        make=replace(_SERVER, " = ", "="),
        message=_SERVER,
        remedy="*.Server.target_qps = 70",
    ),
    Mistake(
        id="conf-no-equals",
        what="no equals sign",
        make=replace(_SERVER, " = ", " "),
        message=_SERVER,
        remedy="*.Server.target_qps = 70",
    ),
    Mistake(
        id="conf-comment",
        what="a comment without a space after its #",
        make=append(_SERVER, "#measured on Monday\n"),
        message=_SERVER,
        also=("#measured",),
    ),
    Mistake(
        id="conf-bom",
        what="a byte order mark before the first key",
        make=lambda made: made.measurement("Server", "user.conf").write_text(f"\ufeff{_LINE}\n"),
        message=_SERVER,
        also=("byte order mark",),
    ),
    Mistake(
        id="conf-utf-16",
        what="a user.conf that an editor saved as UTF-16",
        make=lambda made: made.measurement("Server", "user.conf").write_text(f"{_LINE}\n", "utf-16"),
        varies=True,
        message=_SERVER,
    ),
)
