"""SIGINT and SIGTERM, in each stage of a campaign."""

from __future__ import annotations

import signal
import time
from functools import partial

from faults.attempt import STAGES, Stage
from faults.record import Engine, Fault
from faults.site import Ended, Site

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


def signals(stage_s: dict[str, float]) -> list[Fault]:
    """Each signal in each stage, a third of its time after its beginning."""
    return [
        Fault(
            id=f"{number.name.lower()}-{stage.name.replace(', ', '-')}",
            what=number.name,
            stage=stage.name,
            inject=partial(_send, number=number, stage=stage, after_s=stage_s[stage.name] / 3),
            message="interrupted",
            codes=(code,),
            within_s=10.0,
            reason="",
            keeps_a_reason=stage.name != "preflight",  # nothing has begun
        )
        for number, code in _CODES.items()
        for stage in STAGES[Engine.ECHO]
    ]


def _send(site: Site, *, number: signal.Signals, stage: Stage, after_s: float) -> Ended:
    running = site.start("run-all", site.file)
    if stage.begins:
        running.wait_for(stage.begins)
    else:
        running.wait_for("^preflight ok")  # before, Python itself has not yet started
    time.sleep(after_s)
    running.at_fault()
    running.process.send_signal(number)
    return running.end(30)
