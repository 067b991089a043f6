"""SIGKILL of the command, of a child of it, or of both, at random moments of a whole campaign."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
import time
from functools import partial

import psutil

from faults.attempt import STAGES, Stage
from faults.record import Engine, Fault
from faults.site import Ended, Site

VICTIMS = ("the command", "the engine's process", "both")
_ENDED = "SIGKILL"
_KILLED = -signal.SIGKILL


def kills(engine: Engine, count: int, rng: random.Random, stage_s: dict[str, float]) -> list[Fault]:
    """`count` faults: every stage has its turn, at a random moment of it. Only a run has a child: its session's."""
    stages = STAGES[engine]
    # Most time goes into the runs, but the short stages are where files are written and renamed.
    turns = [stage for stage in stages for _ in range(3 if _is_run(stage) else 1)]
    victims = itertools.cycle(VICTIMS)
    faults = []
    for number in range(count):
        stage = turns[number % len(turns)]
        victim = next(victims) if _is_run(stage) else VICTIMS[0]
        after_s = rng.uniform(0, stage_s[stage.name])
        codes = {VICTIMS[0]: (_KILLED, 0), VICTIMS[1]: (4, 0, _KILLED), VICTIMS[2]: (_KILLED, 0)}[victim]
        faults.append(
            Fault(
                id=f"kill-{engine.name.lower()}-{number}",
                what=f"SIGKILL of {victim}",
                stage=stage.name,
                engine=engine,
                inject=partial(_kill, stage=stage, victim=victim, after_s=after_s),
                message=_ENDED if victim == VICTIMS[1] else "",
                codes=codes,
                cleans_up=False,
                keeps_a_reason=False,
            )
        )
    return faults


def _kill(site: Site, *, stage: Stage, victim: str, after_s: float) -> Ended:
    """Before a session's child has started, and after it has ended, the command is the one that is killed."""
    running = site.start("run-all", site.file)
    if stage.begins:
        running.wait_for(stage.begins)
    time.sleep(after_s)
    command = running.process
    child = running.engine() if victim != VICTIMS[0] else None
    running.at_fault()
    if victim != VICTIMS[1] or child is None:
        command.kill()
    if child is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    return running.end(30)


def _is_run(stage: Stage) -> bool:
    return stage.name.startswith("run")
