"""LoadGen's logs: what is read, and what is refused with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from submitter.logs import LogFormatError, parse_accuracy_text, parse_detail, read_accuracy, read_detail


def _line(key: str, value: Any, *, error: bool = False, warning: bool = False) -> str:
    metadata = {"is_error": error, "is_warning": warning, "file": "loadgen.cc", "line_no": 1, "pid": 7, "tid": 7}
    entry = {"key": key, "value": value, "time_ms": 0.5, "namespace": "mlperf::logging"}
    return f":::MLLOG {json.dumps(entry | {'event_type': 'POINT_IN_TIME', 'metadata': metadata})}\n"


@pytest.mark.parametrize(
    "value",
    ["VALID", 'a "quote"', "two\nlines", "", 0, -7, 2**64 - 1, 0.25, 1e-9, True, False, None, [1, 2], {"/a.h": "01"}],
)
def test_a_value_keeps_its_type(value: Any) -> None:
    log = parse_detail(_line("key", value).encode())
    assert log["key"] == value
    assert type(log["key"]) is type(value)


def test_the_first_of_equal_keys_counts_and_lines_are_counted_from_1() -> None:
    text = _line("a", 1) + "a line of another program\n" + _line("b", 2) + _line("a", 3)
    log = parse_detail(text.encode())
    assert (log["a"], log.line("a"), log.line("b"), log.line("c")) == (1, 1, 3, None)
    assert "b" in log
    assert "c" not in log
    assert log["c"] is None


def test_a_mark_that_does_not_begin_its_line_begins_no_entry() -> None:
    log = parse_detail((_line("a", 1) + " " + _line("b", 2) + _line("c", 3)).encode())
    assert list(log) == ["a", "c"]
    assert log.line("c") == 3


def test_errors_and_warnings_are_kept_with_their_lines() -> None:
    text = _line("a", 1) + _line("error_runtime", "bad", error=True) + _line("warning", "odd", warning=True)
    text += _line("error_runtime", "worse", error=True)
    log = parse_detail(text.encode())
    assert [(entry.value, entry.line) for entry in log.errors] == [("bad", 2), ("worse", 4)]
    assert [(entry.value, entry.line) for entry in log.warnings] == [("odd", 3)]


# Long logs, in which LoadGen repeats the same keys for each batch


def _long(change: dict[int, str]) -> tuple[bytes, list[str]]:
    """A log of 1,203 lines: a head, 400 batches of three keys, and a tail. `change` replaces lines, by index."""
    pad = "x" * 200
    lines = [_line("head", pad)]
    lines += [_line(key, f"{batch} {pad}") for batch in range(400) for key in ("loaded", "power_begin", "power_end")]
    lines += [_line("tail", 1), _line("power_end", 2)]
    for index, line in change.items():
        lines[index] = line
    return "".join(lines).encode(), lines


@pytest.mark.parametrize(
    ("index", "line"),
    [
        (701, _line("between", 5)),
        (700, _line("loaded", 5)),
        (4, _line("between", 5)),
        (1200, _line("between", 5)),
        (700, _line("loaded_too", 5)),
        (1, _line("head", 5)),
    ],
)
def test_a_key_among_the_batches_is_found_where_it_is_first(index: int, line: str) -> None:
    data, lines = _long({index: line})
    log = parse_detail(data)
    keys = [json.loads(text.removeprefix(":::MLLOG "))["key"] for text in lines]
    assert list(log) == list(dict.fromkeys(keys))
    assert {key: log.line(key) for key in log} == {key: keys.index(key) + 1 for key in log}
    first = json.loads(lines[keys.index("power_end")].removeprefix(":::MLLOG "))
    assert log["power_end"] == first["value"]


@pytest.mark.parametrize("index", [0, 2, 5, 700, 1200, 1202])
def test_an_error_among_the_batches_is_kept(index: int) -> None:
    data, _ = _long({index: _line("power_begin", "bad", error=True)})
    assert [(entry.line, entry.value) for entry in parse_detail(data).errors] == [(index + 1, "bad")]


@pytest.mark.parametrize("index", [0, 2, 5, 700, 1200, 1202])
def test_a_cut_line_among_the_batches_is_refused(index: int) -> None:
    data, _ = _long({index: _line("power_begin", "cut")[:-5] + "\n"})
    with pytest.raises(LogFormatError, match=f"line {index + 1} "):
        parse_detail(data)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no line begins"),
        (b"Results\n", "no line begins"),
        (_line("a", 1).encode() + _line("b", 2).encode()[:40], "line 2 is not a LoadGen entry"),
        (b":::MLLOG []\n", "line 1 is not a LoadGen entry"),
        (b':::MLLOG {"key": "a"}\n', "line 1 is not a LoadGen entry"),
        (_line("a", 1).replace('"a"', "5").encode(), "its key is not text"),
        (b':::MLLOG {"key": "a", "value": ' + b"[" * 100_000, "line 1 is not a LoadGen entry"),
        (_line("a", 1).encode() + b":::MLLOG \xff\xfe\n", "line 2 is not a LoadGen entry"),
    ],
)
def test_what_is_no_detail_log_is_refused_with_the_line(data: bytes, said: str) -> None:
    with pytest.raises(LogFormatError, match=said):
        parse_detail(data)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("[" * 5000 + "]" * 5000, "recursion"),
        ("[1, " + "9" * 5000 + "]", "digits"),
        ("{" * 100 + "[" * 2000 + "0", ""),
    ],
)
def test_a_value_that_no_rule_could_read_refuses_the_log(value: str, why: str) -> None:
    """Values are decoded when a rule needs them, so what Python's parser cannot decode is found before."""
    line = _line("a", 1).replace('"value": 1', f'"value": {value}')
    assert value in line
    with pytest.raises(LogFormatError, match=f"line 2 .*{why}"):
        parse_detail((_line("b", 2) + line + _line("c", 3)).encode())


def test_a_long_value_is_read_when_it_is_asked_for() -> None:
    numbers, words = list(range(100_000)), "digits 0123456789 " * 1000
    log = parse_detail((_line("numbers", numbers) + _line("words", words)).encode())
    assert (log["numbers"], log["words"]) == (numbers, words)


def test_a_detail_log_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mlperf_log_detail.txt"
    path.write_text(_line("a", 1))
    assert read_detail(path)["a"] == 1
    with pytest.raises(OSError, match="absent"):
        read_detail(tmp_path / "absent")


def test_accuracy_entries_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "mlperf_log_accuracy.json"
    path.write_text(
        '[\n{ "seq_id" : 0, "qsl_idx" : 9, "data" : "0B000000", "token_data" : "0B000000", "token_count" : 1 },\n'
        '{ "seq_id" : 1, "qsl_idx" : 4, "data" : "0C0000000D000000" }\n]\n'
    )
    first, second = read_accuracy(path)
    assert (first.qsl_idx, first.data, first.token_data, first.token_count) == (9, b"\x0b\0\0\0", b"\x0b\0\0\0", 1)
    assert (second.qsl_idx, len(second.data), second.token_data, second.token_count) == (4, 8, None, None)


@pytest.mark.parametrize("text", ["", "{}\n", "[\n", '[\n{ "seq_id" : 0, "qsl_i\n\n...\n\n00" }\n]\n', "[\n]\n[\n"])
def test_what_is_no_whole_accuracy_log_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mlperf_log_accuracy.json"
    path.write_text(text)
    with pytest.raises(LogFormatError):
        list(read_accuracy(path))


def test_accuracy_text_takes_plain_numbers_only() -> None:
    text = "{'rouge1': 44.4495, 'rouge2': np.float64(22.1), 'gen_num': 24576, 'odd': 1.2.3}\n\nhash=" + "ab" * 32 + "\n"
    score = parse_accuracy_text(text)
    assert score.metrics == {"rouge1": 44.4495, "gen_num": 24576}
    assert score.sha256 == "ab" * 32
    assert parse_accuracy_text("nothing").sha256 is None
