"""LoadGen's configuration files, read as the installed LoadGen reads them."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from submitter.errors import InputError, SubmitterError
from submitter.loadgen_conf import Line, read_file, read_lines, require_accepted, settings

NAME = "*.Server.min_duration"


def by_loadgen(path: Path, model: str = "llama2-70b") -> Any:
    """LoadGen's settings object after it has read the file alone; None if it refuses the file."""
    loadgen = pytest.importorskip("mlperf_loadgen")
    found = loadgen.TestSettings()
    return None if found.FromConfig(str(path), model, "Server", 2) else found


NUMBERS = (
    "0 7 600000 6e5 600000.0 0.5 .5 5. 010 08 0x10 0X1F 0x -3 +4 -0 inf INFINITY nan 1e999 -1.5E3 99999999999999999999"
)


@pytest.mark.parametrize(
    "text",
    [
        *NUMBERS.split(),
        "1_000",
        "12,5",
        "5s",
        "many",
        "1e",
        "0x1.8p3",
        "-0x1p9999",
        "0x1p-9999",
        "9" * 5000,
        "0" * 5000 + "7",
        "e5",
        "--5",
        "٣",
    ],
)
def test_a_number_is_read_as_loadgen_reads_it(text: str, tmp_path: Path) -> None:
    conf = tmp_path / "user.conf"
    conf.write_text(f"{NAME} = {text}\n*.Server.target_qps = {text}\n")
    loadgens = by_loadgen(conf)
    count, number = read_file(conf)
    assert bool(count.fault) == (loadgens is None)
    if loadgens is not None:
        assert count.count_value == loadgens.min_duration_ms
        assert repr(number.number_value) == repr(loadgens.server_target_qps)


LINES = [
    f"{NAME} = 5",
    f"{NAME} =\t5   ",
    f"{NAME}=5",
    f"{NAME}= 5",
    f"{NAME} =5",
    f"{NAME}",
    f"{NAME} =",
    f"{NAME} 5",
    f"{NAME} # = 5",
    f"{NAME} = 5 # why",
    f"{NAME} = 5 6",
    f"{NAME} = 5 six",
    f"{NAME}\u00a0= 5",
    f"\ufeff{NAME} = 5",
    "# a comment",
    "#a comment",
    "#comment",
    f"#{NAME} = 5",
    "",
    "  \t",
    f"{NAME} = 5\r",
    f"{NAME} = 5\r# {NAME} = 6",
    f"llama2-70b.*.min_duration = 4\n{NAME} = 5",
    f"llama2-70b.Server.min_duration = 4\n{NAME} = 5",
    f"{NAME} = 5\n*.*.min_duration = 6",
    f"{NAME} = 5\n{NAME} = 6",
    "llama2-70b-interactive.Server.min_duration = 4",
    "a.b.llama2-70b.Server.min_duration = 4",
    "*.Offline.min_duration = 4",
    "*.server.min_duration = 4",
]


@pytest.mark.parametrize("text", LINES)
def test_a_line_is_read_as_loadgen_reads_it(text: str, tmp_path: Path) -> None:
    conf = tmp_path / "user.conf"
    conf.write_bytes(f"*.*.min_duration = 77\n{text}\n".encode())
    loadgens, lines = by_loadgen(conf), read_file(conf)
    assert any(line.fault for line in lines) == (loadgens is None)
    if loadgens is not None:
        assert settings(lines, "llama2-70b", "Server")["min_duration"].count_value == loadgens.min_duration_ms


def test_random_files_are_read_as_loadgen_reads_them(tmp_path: Path) -> None:
    pieces = [
        "*",
        "llama2-70b",
        ".",
        "Server",
        "min_duration",
        " ",
        "=",
        " = ",
        "#",
        "\n",
        "\r\n",
        "\t",
        "5",
        "0x1",
        "1e3",
    ]
    pieces += [f"{NAME} = 9\n", "llama2-70b.*.min_duration", "x"]
    rng = random.Random(4)
    conf = tmp_path / "user.conf"
    accepted = 0
    for _ in range(2000):
        conf.write_bytes("".join(rng.choices(pieces, k=rng.randint(1, 14))).encode())
        loadgens, lines = by_loadgen(conf), read_file(conf)
        assert any(line.fault for line in lines) == (loadgens is None), conf.read_bytes()
        if loadgens is not None:
            line = settings(lines, "llama2-70b", "Server").get("min_duration")
            assert loadgens.min_duration_ms == (line.count_value if line else 10_000), conf.read_bytes()
            accepted += line is not None
    assert accepted > 100


def test_a_long_word_takes_no_time() -> None:
    started = time.monotonic()
    for word in ("1" * 1_000_000 + "x", "0x" + "a" * 1_000_000 + "x", "." + "1" * 1_000_000 + "x"):
        (line,) = read_lines(f"{NAME} = {word}")
        assert line.fault
    assert time.monotonic() - started < 2


def test_lines_know_their_numbers() -> None:
    lines = list(read_lines("# one\n\n*.*.mode = 2\n  a = 1 2\n"))
    assert lines == [Line(3, ("*.*.mode", "=", "2")), Line(4, ("a", "=", "1", "2"))]
    assert lines[1].values == ("1", "2")


def test_all_lines_that_loadgen_refuses_are_reported_at_once() -> None:
    with pytest.raises(SubmitterError) as caught:
        require_accepted(read_lines("a = 1\nb 2\nc = x\n"), "user.conf")
    problems = getattr(caught.value, "problems", ())
    assert [problem.message for problem in problems] == [
        "user.conf:2: LoadGen refuses 'b 2': it has no ' = ' after the name",
        "user.conf:3: LoadGen refuses 'c = x': 'x' is not a number",
    ]
    with pytest.raises(InputError, match=r"user\.conf:1: LoadGen refuses"):
        require_accepted(read_lines("b 2"), "user.conf")
    require_accepted(read_lines("a = 1\nb\n"), "user.conf")
