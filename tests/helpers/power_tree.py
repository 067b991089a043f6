"""Adds a power measurement to a result of a small valid tree, with logs and checksums that agree."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from submission_tree import BOOK, Tree

from submitter.checker import Report
from submitter.rulebook import Rulebook

SESSION = "2026-08-30_09-20-00"
WATTS = 5000.0
_FORMAT = "%m-%d-%Y %H:%M:%S.%f"
# LoadGen's window of the performance run, and that of the ranging run before it.
_TESTING = ("08-30-2026 09:40:10.272", "08-30-2026 09:51:27.243")
_RANGING = ("08-30-2026 09:22:10.272", "08-30-2026 09:33:27.243")
_STEP_S = 10

Edit = Callable[[str], str]


def time_of(stamp: str) -> datetime:
    return datetime.strptime(stamp, _FORMAT).replace(tzinfo=UTC)


def stamp_of(time: datetime) -> str:
    return time.strftime(_FORMAT)[:-3]


def _samples(window: tuple[str, str], mark: str) -> str:
    """Samples from before the window until after it; those outside draw far less."""
    begin, end = map(time_of, window)
    lines = []
    moment = begin - timedelta(seconds=3 * _STEP_S)
    while moment < end + timedelta(seconds=3 * _STEP_S):
        watts = WATTS if begin < moment < end else WATTS / 10
        columns = f"Watts,{watts:.6f},Volts,230.0,Amps,21.9,PF,0.99,Mark,{SESSION}_{mark}"
        lines.append(f"Time,{stamp_of(moment)},{columns}\n")
        moment += timedelta(seconds=_STEP_S)
    return "".join(lines)


def _ptd_log() -> str:
    begin, end = map(time_of, _RANGING)
    during, after = stamp_of(begin + timedelta(seconds=60)), stamp_of(time_of(_TESTING[0]) + timedelta(seconds=60))
    return "\n".join(
        (
            "SPEC PTDaemon Tool",
            "08-30-2026 09:20:00.100: Uncertainty checking for YokogawaWT330E is activated",
            f"{stamp_of(begin - timedelta(seconds=5))}: Go with mark '{SESSION}_ranging'",
            f"{during}: ERROR: Can't evaluate uncertainty of this sample!",
            f"{during}: WARNING: Uncertainty unknown for the last measurement sample!",
            f"{stamp_of(end + timedelta(seconds=5))}: Completed test",
            f"{stamp_of(time_of(_TESTING[0]) - timedelta(seconds=5))}: Go with mark '{SESSION}_testing'",
            f"{after}: Response to client sent",
            f"{stamp_of(time_of(_TESTING[1]) + timedelta(seconds=5))}: Completed test",
            "",
        )
    )


def _phases(window: tuple[str, str]) -> list[list[float]]:
    begin, end = (time_of(stamp).timestamp() for stamp in window)
    return [[begin - 30, 1.0], [begin - 10, 2.0], [end + 10, 3.0], [end + 30, 4.0]]


def _session() -> dict[str, Any]:
    """What client.json and server.json share."""
    return {
        "version": "1.0",
        "timezone": 0,
        "modules": {},
        "sources": dict(BOOK.power.sources),
        "messages": [
            {"cmd": "mlcommons/power client v3", "reply": "mlcommons/power server v3"},
            {"cmd": "time", "reply": "1"},
            {"cmd": f"session,{SESSION},start,ranging", "reply": "OK"},
        ],
        "uuid": {"client": "25d3f248-227d-4f83-be0c-3a181e48edd5", "server": "f9830b38-d160-4d6f-b487-0ed020f48fd3"},
        "session_name": SESSION,
        "phases": {"ranging": _phases(_RANGING), "testing": _phases(_TESTING)},
    }


def _ptd_messages() -> list[dict[str, str]]:
    started = "Starting untimed measurement, maximum 500000 samples at 1000ms with 0 rampup samples"
    amps, volts, stopped = "Range A changed", "Range V changed", "Stopping untimed measurement"
    messages = (
        ("Hello", "Hello, PTDaemon here!"),
        ("Identify", f"YokogawaWT330E,1000,version={BOOK.power.ptdaemon_versions[0]}-69286632-20240907,mode=power"),
        ("RR", "Ranges,0,40.000000,1,300.000000"),
        ("SR,V,Auto", volts),
        ("SR,A,Auto", amps),
        ("SR,A,Auto", amps),
        (f"Go,1000,0,{SESSION}_ranging", started),
        ("Stop", stopped),
        ("SR,V,300", volts),
        ("SR,A,20", amps),
        (f"Go,1000,0,{SESSION}_testing", started),
        ("Stop", stopped),
        ("SR,V,Auto", volts),
        ("SR,A,40.000000", amps),
        ("Stop", "Error: no measurement to stop"),
    )
    return [{"cmd": command, "reply": reply} for command, reply in messages]


@dataclass
class PowerTree:
    """The `performance` folder of a result with power, in a tree that is judged by the tree's rule book."""

    folder: Path
    tree: Tree

    @property
    def book(self) -> Rulebook:
        return self.tree.book

    def check(self, **options: Any) -> Report:
        return self.tree.check(**options)

    def edit_text(self, name: str, edit: Edit) -> None:
        """Change a file, and record the checksum of what it is now."""
        path = self.folder / name
        before = path.read_text()
        after = edit(before)
        assert after != before, f"nothing to edit in {name}"
        path.write_text(after)
        self.sign()

    def replace(self, name: str, pattern: str, new: str, count: int = 0) -> None:
        self.edit_text(name, lambda text: re.sub(pattern, new, text, count=count))

    def edit(self, side: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change client.json, server.json, or `both`."""
        for name in ("client", "server") if side == "both" else (side,):
            path = self.folder / "power" / f"{name}.json"
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))

    def sign(self) -> None:
        """Record the checksum of every file: the client its own and LoadGen's, the server the analyzer's."""
        sums: dict[str, dict[str, str]] = {"client": {}, "server": {}}
        for path in sorted(self.folder.rglob("*.*")):
            name = path.relative_to(self.folder).as_posix()
            if name in ("power/client.json", "power/server.json"):
                continue
            side = "client" if "mlperf_log" in name or "client" in name else "server"
            sums[side][name] = hashlib.sha1(path.read_bytes()).hexdigest()
        for side, recorded in sums.items():
            self.edit(side, lambda content, recorded=recorded: content.update(results=recorded))


def add_power(tree: Tree, scenario: str = "Offline") -> PowerTree:
    """Measure power for a result of the tree: everything agrees, and the mean is WATTS."""
    folder = tree.result(scenario) / "performance"
    tree.set(folder / "run_1" / "mlperf_log_detail.txt", power_begin=_TESTING[0], power_end=_TESTING[1])
    (folder / "power").mkdir()
    (folder / "ranging").mkdir()
    for name in ("mlperf_log_detail.txt", "mlperf_log_summary.txt"):
        text = (folder / "run_1" / name).read_text()
        for testing, ranging in zip(_TESTING, _RANGING, strict=True):
            text = text.replace(testing, ranging)
        (folder / "ranging" / name).write_text(text)
    (folder / "run_1" / "spl.txt").write_text(_samples(_TESTING, "testing"))
    (folder / "ranging" / "spl.txt").write_text(_samples(_RANGING, "ranging"))
    (folder / "power" / "ptd_logs.txt").write_text(_ptd_log())
    for side in ("client", "server"):
        (folder / "power" / f"{side}.log").write_text(f"{side}\n")
        (folder / "power" / f"{side}.json").write_text(json.dumps(_session()))
    power = PowerTree(folder, tree)
    config = {"command": ["ptd", "-c", "1"], "device_type": 52, "channel": [1]}
    power.edit("server", lambda content: content.update(ptd_messages=_ptd_messages(), ptd_config=[config]))
    power.sign()
    return power
