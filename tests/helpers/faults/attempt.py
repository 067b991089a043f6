"""Injects a fault into a campaign of its own, lets the campaign go on, and says what is not as required."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from two_hosts import Hosts

from faults.campaigns import write_campaign
from faults.comparison import differences
from faults.record import GOES_ON, Attempt, Base, Engine, Fault
from faults.site import Ended, Running, Site, opened

_LOG = re.compile(r"(/\S+\.log)\b")
_UNWANTED = ("Traceback", "internal error", "Errno")
_SCORES = ("accuracy.txt", "scored.json", "verify_accuracy.txt")
_GO_ON_S = 400.0


@dataclass(frozen=True)
class Stage:
    """A part of a campaign, by the lines of its output that it lies between. An empty one is the start or the end."""

    name: str
    begins: str
    ends: str


STAGES = {
    Engine.ECHO: (
        Stage("preflight", "", "^engine +loading"),
        Stage("run", "^engine +loading", "^Server TEST06"),
        Stage("score", "^Server TEST06", "^scored .* Server"),
        Stage("assemble, check", "^scored .* Server", ""),
    ),
    Engine.VLLM: (
        Stage("preflight", "", "^engine +loading"),
        Stage("run, loading", "^engine +loading", "^engine +ready"),
        Stage("run", "^engine +ready", "^Offline TEST06"),
        Stage("score, assemble, check", "^Offline TEST06", ""),
    ),
}


class Reference:
    """The undisturbed campaign on an engine, whose tree every other must reach, and how long its stages took."""

    def __init__(self, folder: Path, mounted: Path, engine: Engine, hosts: Hosts | None = None) -> None:
        self.engine, self._mounted, self._hosts = engine, mounted, hosts
        self._folder = folder
        self._kept = folder / "reference"
        with opened(folder / "undisturbed", mounted, hosts=hosts) as site:
            write_campaign(site.folder / "campaign", engine)
            with site.node():
                running = site.start("run-all", site.file)
                ended = running.end(_GO_ON_S)
            assert ended.code == 0, ended.output
            assert not (left := site.left_at_once() + site.left_in_folders()), left
            stages = STAGES.get(engine, ())
            self.stage_s = {stage.name: _span(running, stage, running.times_s[-1]) for stage in stages}
            shutil.copytree(site.folder / "campaign", self._kept, symlinks=True)

    def site_with(self, site: Site, base: Base) -> None:
        """Put a campaign into the site, with what `base` says it has already."""
        campaign = site.folder / "campaign"
        if base is Base.NEW:
            write_campaign(campaign, self.engine)
            return
        shutil.copytree(self._kept, campaign, symlinks=True, dirs_exist_ok=True)
        if base is not Base.ASSEMBLED:
            shutil.rmtree(campaign / "out" / "preview")
        if base is Base.RUN:
            for name in _SCORES:
                for file in campaign.rglob(name):
                    file.unlink()

    def differences(self, site: Site) -> Iterator[str]:
        """How the site's tree and runs differ from the undisturbed ones."""
        for name in ("preview", "runs"):
            expected, found = self._kept / "out" / name, site.output / name
            if not found.is_dir():
                yield f"there is no {name}"
                continue
            for line in differences(expected, found, same_answers=not self.engine.is_vllm):
                yield f"{name}: {line}"

    def attempt(self, fault: Fault) -> Attempt:
        """Inject the fault and judge what comes of it."""
        folder = self._folder / fault.id
        with opened(folder, self._mounted, room_bytes=fault.room_bytes, hosts=self._hosts) as site:
            self.site_with(site, fault.base)
            before = _journal(site)
            ended = fault.inject(site)
            problems = [*as_required(fault, ended), *site.left_at_once()]
            if fault.cleans_up:
                problems += site.left_in_folders()
            if fault.keeps_a_reason and not fault.is_harmless:
                problems += _without_reason(fault, _journal(site)[len(before) :])
            output = ended.output
            for problem, text in self._goes_on(site, loses_runs=fault.loses_runs):
                problems.append(GOES_ON + problem)
                output += f"\n{text}" if text else ""
            kept = tuple(sorted(entry.name for entry in (site.output / "failed").glob("*")))
        return Attempt(
            fault=fault,
            code=ended.code,
            line=_line(fault, ended).replace(f"{site.mounted}/campaign/", ""),
            kept=kept,
            seconds_after=ended.seconds_after,
            problems=tuple(problems),
            output=output,
        )

    def _goes_on(self, site: Site, *, loses_runs: bool) -> Iterator[tuple[str, str]]:
        """Run the campaign again; each problem, and the output that goes with it."""
        records = site.records()
        with site.node():
            ended = site.run("run-all", site.file, limit_s=_GO_ON_S)
        if ended.code != 0:
            yield f"exit code {ended.code}", ended.output
        for run, record in records.items():
            path = site.output / run / "record.json"
            if not loses_runs and (not path.is_file() or path.read_bytes() != record):
                yield f"{run} was finished, and was made again", ended.output
        kept = sum("kept: finished before" in line for line in ended.lines)
        if kept != len(records):
            yield f"{len(records)} runs were finished, and {kept} were kept", ended.output
        for left in (*site.left_at_once(), *site.left_in_folders()):
            yield f"left: {left}", ""
        for line in self.differences(site):
            yield line, ""


def _span(running: Running, stage: Stage, end_s: float) -> float:
    """How long a stage took, in s."""

    def at(pattern: str, otherwise: float) -> float:
        if not pattern:
            return otherwise
        return next(
            at_s for at_s, line in zip(running.times_s, running.lines, strict=False) if re.search(pattern, line)
        )

    return at(stage.ends, end_s) - at(stage.begins, 0.0)


def _journal(site: Site) -> list[dict[str, object]]:
    path = site.output / "journal.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


def as_required(fault: Fault, ended: Ended) -> Iterator[str]:
    """What of the command's end is not as required."""
    if ended.code is None:
        yield f"the command had not ended {fault.within_s:.0f} s after the fault"
        return
    codes = (0,) if fault.is_harmless else fault.codes
    if ended.code not in codes:
        yield f"exit code {ended.code}, required {' or '.join(map(str, codes))}"
    if ended.seconds_after > fault.within_s:
        yield f"it ended {ended.seconds_after:.1f} s after the fault, allowed {fault.within_s:.0f} s"
    yield from (f"{words!r} in the output" for words in _UNWANTED if words in ended.output)
    if not fault.message or ended.code <= 0:  # it went on, or nothing could say anything
        return
    lines = [line for line in ended.reported if fault.message in line]
    if len(lines) != 1 or len(ended.reported) != 1:
        yield f"not one line with {fault.message!r}: {ended.reported}"
    if fault.keeps_a_reason and not _LOG.search(ended.output[ended.output.find("submitter: ") :]):
        yield "no log is named after the message"


def _without_reason(fault: Fault, events: list[dict[str, object]]) -> Iterator[str]:
    reasons = [str(event["why"]) for event in events if "why" in event]
    if not reasons:
        yield "the journal does not say why it ended"
    elif not any((fault.message if fault.reason is None else fault.reason) in why for why in reasons):
        yield f"the journal's reason is another: {reasons}"


def _line(fault: Fault, ended: Ended) -> str:
    found = [line for line in ended.reported if fault.message in line] or ended.reported
    return found[0].removeprefix("submitter: ") if found else ""
