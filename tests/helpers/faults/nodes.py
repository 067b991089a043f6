"""A node that is lost in the middle of a run: its processes are killed, or its cable is pulled."""

from __future__ import annotations

import time
from functools import partial

from faults.record import Engine, Fault
from faults.site import Ended, Site

_BEGUN = {Engine.ECHO_NODES: "^Offline TEST06", Engine.VLLM_NODES: "^engine +ready"}
_INTO_THE_RUN_S = 0.5
_LOST = "the engine failed: node 10.77.0.2 with rank 1"


def _lose(site: Site, *, engine: Engine, how: str) -> Ended:
    with site.node() as node:
        assert node is not None
        assert site.hosts is not None
        running = site.start("run-all", site.file)
        running.wait_for(_BEGUN[engine], 300)
        time.sleep(_INTO_THE_RUN_S)
        running.at_fault()
        if how == "cable":
            site.hosts.cable("down")
        else:
            node.process.kill()
        try:
            return running.end(90)
        finally:
            if how == "cable":
                site.hosts.cable("up")


def losses(engine: Engine) -> list[Fault]:
    """Each way to lose a node. Echo's answers come from the driver: a run may end before a lost cable is noticed."""
    ways = {"killed": "a node's process is killed"}
    if engine.is_vllm:
        ways["cable"] = "a node's cable is pulled"
    return [
        Fault(
            id=f"node-{engine.name.lower().replace('_', '-')}-{how}",
            what=what,
            stage="run",
            engine=engine,
            inject=partial(_lose, engine=engine, how=how),
            message=_LOST,
            within_s=30.0,
        )
        for how, what in ways.items()
    ]
