"""What is quoted from an engine's log when the engine fails."""

from __future__ import annotations

from pathlib import Path

from submitter.harness.engine_log import log_hint

# As vLLM writes it: the engine's process fails first and names the cause, the parent then says where to look.
VLLM = """\
INFO 10-10 12:00:00 [model.py:547] Resolved architecture: LlamaForCausalLM
(EngineCore_DP0 pid=77) INFO 10-10 12:00:09 [core.py:77] Initializing a V1 LLM engine
\x1b[1;36m(EngineCore_DP0 pid=77)\x1b[0;0m ERROR 10-10 12:01:00 [core.py:708] EngineCore failed to start.
(EngineCore_DP0 pid=77) ERROR 10-10 12:01:00 [core.py:708] Traceback (most recent call last):
(EngineCore_DP0 pid=77) ERROR 10-10 12:01:00 [core.py:708]     raise ValueError("not this one: it is indented code")
(EngineCore_DP0 pid=77) ERROR 10-10 12:01:00 [core.py:708] torch.OutOfMemoryError: CUDA out of memory. Tried 9 GiB.
(EngineCore_DP0 pid=77) Process EngineCore_DP0:
(EngineCore_DP0 pid=77) Traceback (most recent call last):
(EngineCore_DP0 pid=77) torch.OutOfMemoryError: CUDA out of memory. Tried 9 GiB.
Traceback (most recent call last):
RuntimeError: Engine core initialization failed. See root cause above.
[rank0]: destroy_process_group() was not called
"""


def test_the_cause_is_quoted_once_and_without_prefixes(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text(VLLM)
    assert log_hint(log).splitlines() == [
        f"the engine's log is {log}:",
        "    torch.OutOfMemoryError: CUDA out of memory. Tried 9 GiB.",
        "    RuntimeError: Engine core initialization failed. See root cause above.",
    ]


def test_a_log_without_an_error_is_quoted_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("".join(f"line {number}\n\n" for number in range(9)))
    assert log_hint(log).splitlines() == [
        f"the engine's log is {log}; it ends with:",
        *(f"    line {number}" for number in range(5, 9)),
    ]


def test_a_long_log_is_read_from_its_end_only_and_a_long_line_is_cut(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.write_text("ValueError: too long ago\n" + "noise\n" * 100_000 + f"ValueError: {'x' * 1000}\n")
    first, quoted = log_hint(log).splitlines()
    assert first.endswith(":")
    assert quoted.startswith("    ValueError: xxx")
    assert len(quoted) == 204


def test_an_empty_or_missing_log_is_named(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    assert log_hint(log) == f"the engine's log is {log}, which is empty"
    log.write_text("\n")
    assert log_hint(log) == f"the engine's log is {log}, which is empty"
