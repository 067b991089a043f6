"""Our readers against logs that the installed LoadGen writes."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest
import real_loadgen

from submitter import layout, logs

pytest.importorskip("mlperf_loadgen")


def ids(data: bytes) -> list[int]:
    return array("i", data).tolist()


@pytest.mark.parametrize("scenario", ["Offline", "Server"])
def test_the_accuracy_log_holds_every_answer_once(scenario, tmp_path):
    folder = real_loadgen.run(tmp_path / "run", scenario, accuracy=True)
    entries = list(logs.read_accuracy(folder / layout.ACCURACY_LOG))
    assert sorted(entry.qsl_idx for entry in entries) == list(range(64))
    for entry in entries:
        tokens = real_loadgen.tokens_of(entry.qsl_idx)
        assert ids(entry.data) == tokens
        assert entry.token_count == len(tokens)
        # LoadGen logs the first token where its latency counts.
        assert (None if entry.token_data is None else ids(entry.token_data)) == (
            None if scenario == "Offline" else tokens[:1]
        )


def test_a_performance_run_logs_no_answers_and_an_audited_one_some(tmp_path):
    plain = real_loadgen.run(tmp_path / "plain", "Offline")
    assert list(logs.read_accuracy(plain / layout.ACCURACY_LOG)) == []
    audited = real_loadgen.run(tmp_path / "audited", "Offline", audit=True)
    entries = list(logs.read_accuracy(audited / layout.ACCURACY_LOG))
    assert 0 < len(entries) <= 2 * real_loadgen.AUDIT_SAMPLES
    assert all(ids(entry.data) == real_loadgen.tokens_of(entry.qsl_idx) for entry in entries)


def test_the_detail_log_names_what_the_checks_ask_for(tmp_path):
    folder = real_loadgen.run(tmp_path / "run", "Server")
    log = logs.read_detail(folder / layout.DETAIL_LOG)
    assert log["effective_scenario"] == "Server"
    assert log["effective_test_mode"] == "PerformanceOnly"
    assert log["qsl_reported_total_count"] == 64
    assert log["result_validity"] in ("VALID", "INVALID")
    assert log["result_completed_tokens_per_second"] > 0  # LoadGen prints a whole number without a point
    assert log["no_such_key"] is None


def test_a_log_cut_off_anywhere_is_refused(tmp_path):
    folder = real_loadgen.run(tmp_path / "run", "Offline", accuracy=True)
    whole = (folder / layout.ACCURACY_LOG).read_bytes()
    cut = tmp_path / "cut.json"
    for end in (0, 1, len(whole) // 2, len(whole) - 2):
        cut.write_bytes(whole[:end])
        with pytest.raises(logs.LogFormatError):
            list(logs.read_accuracy(cut))
    cut.write_bytes(whole + b"x\n")
    with pytest.raises(logs.LogFormatError, match="after the closing"):
        list(logs.read_accuracy(cut))


def test_digits_without_end_are_no_number(tmp_path: Path):
    log = tmp_path / "log.json"
    log.write_text('[\n{ "seq_id" : 0, "qsl_idx" : ' + "9" * 5000 + ', "data" : "" }\n]\n')
    with pytest.raises(logs.LogFormatError, match="line 2"):
        list(logs.read_accuracy(log))
