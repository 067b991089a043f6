"""`submitter package` on a disk that is full, into a folder that may not be written, and ended by a signal."""

from __future__ import annotations

import hashlib
import random
import re
import signal
import time
from functools import partial
from pathlib import Path

from full_disk import filled
from submission_tree import write_tree

from faults.attempt import as_required
from faults.disk import read_only
from faults.record import GOES_ON, Attempt, Engine, Fault
from faults.site import Ended, Running, Site, opened

_ROOM_BYTES = 8 << 20
_SOURCE_BYTES = 2 << 20  # of random bytes, so that the archive is not small
_OUTPUT = "archives"
_LIMIT_S = 60.0


def _start(site: Site, *, is_user: bool = False) -> Running:
    tree, archive = site.mounted / "submission", site.mounted / "campaign" / "out" / _OUTPUT / "x.tar.gz"
    return site.start("package", str(tree), "--output", str(archive), is_user=is_user)


def _archive(site: Site) -> Path:
    return site.output / _OUTPUT / "x.tar.gz"


def _full(site: Site) -> Ended:
    with filled(site.output):
        running = _start(site)
        running.at_fault()
        return running.end(_LIMIT_S)


def _read_only(site: Site) -> Ended:
    with read_only(site.output):
        running = _start(site, is_user=True)
        running.at_fault()
        return running.end(_LIMIT_S)


def _signalled(site: Site, *, number: signal.Signals, after_s: float) -> Ended:
    running = _start(site)
    time.sleep(after_s)
    running.at_fault()
    running.process.send_signal(number)
    return running.end(_LIMIT_S)


class Packages:
    """The archive of an undisturbed command, whose bytes every other must reach, and how long it took."""

    def __init__(self, folder: Path, mounted: Path) -> None:
        self._folder, self._mounted = folder, mounted
        with opened(folder / "undisturbed", mounted, room_bytes=_ROOM_BYTES) as site:
            self._fill(site)
            began_s = time.monotonic()
            ended = _start(site).end(_LIMIT_S)
            self._took_s = time.monotonic() - began_s
            assert ended.code == 0, ended.output
            self._sha256 = hashlib.sha256(_archive(site).read_bytes()).hexdigest()

    def _fill(self, site: Site) -> None:
        tree = write_tree(site.folder / "submission")
        (tree.submitter / "src" / "random.bin").write_bytes(random.Random(1).randbytes(_SOURCE_BYTES))
        (site.output / _OUTPUT).mkdir()

    def faults(self) -> list[Fault]:
        """The faults, the signal while the archive is made."""
        common = {"stage": "package", "engine": Engine.NONE, "room_bytes": _ROOM_BYTES, "keeps_a_reason": False}
        return [
            Fault(id="package-full", what="the disk is full", inject=_full, message="the disk is full", **common),
            Fault(
                id="package-read-only",
                what="the folder may not be written",
                inject=_read_only,
                message="cannot be written to",
                codes=(2,),
                **common,
            ),
            Fault(
                id="package-sigterm",
                what="SIGTERM",
                inject=partial(_signalled, number=signal.SIGTERM, after_s=self._took_s * 0.7),
                message="interrupted",
                codes=(143,),
                within_s=10.0,
                **common,
            ),
        ]

    def attempt(self, fault: Fault) -> Attempt:
        """Inject the fault, and run the same command again."""
        with opened(self._folder / fault.id, self._mounted, room_bytes=fault.room_bytes) as site:
            self._fill(site)
            ended = fault.inject(site)
            problems = [*as_required(fault, ended), *site.left_at_once(), *site.left_in_folders()]
            problems += [f"{path.name} is left" for path in (site.output / _OUTPUT).iterdir()]
            again = _start(site).end(_LIMIT_S)
            sha256 = re.search(r"^sha256 (\w+)$", again.output, re.MULTILINE)
            if again.code != 0 or sha256 is None:
                problems.append(f"{GOES_ON}exit code {again.code}")
            elif not sha256[1] == self._sha256 == hashlib.sha256(_archive(site).read_bytes()).hexdigest():
                problems.append(f"{GOES_ON}the archive has other bytes")
            problems += [GOES_ON + left for left in (*site.left_at_once(), *site.left_in_folders())]
        return Attempt(
            fault=fault,
            code=ended.code,
            line=next(iter(ended.reported), "").removeprefix("submitter: ").replace(f"{self._mounted}/campaign/", ""),
            kept=(),
            seconds_after=ended.seconds_after,
            problems=tuple(problems),
            output=f"{ended.output}\n{again.output}",
        )
