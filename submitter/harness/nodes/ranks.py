"""The process that owns a node's ranks: `python -m submitter.harness.nodes.ranks PLAN.json REPORT_FD`.

It serves them until it has to end. Its standard input is a pipe from the node's process: a line says that the whole
engine is loaded, and its end that the node's process is gone. Then the session's guard ends this process and its group.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from submitter.errors import SubmitterError
from submitter.harness import engines
from submitter.harness.binding import UNBOUND, Binding
from submitter.harness.engines import RanksPlan
from submitter.harness.nodes.messages import Failed, line_of
from submitter.strict_record import StrictRecord

_GUARD_S = 15.0  # if the guard was killed, too


class NodeSessionPlan(StrictRecord):
    """An engine and the ranks of it that a node serves."""

    engine: str
    binding: Binding = UNBOUND
    ranks: RanksPlan


class ServedRanks:
    """The processes of the ranks, and the cores for them."""

    def __init__(self, binding: Binding) -> None:
        # LoadGen is not here, so no core is kept for it; and a node may serve fewer ranks than the driver's machine.
        self._cores = binding.engines
        self._process_ids: list[int] = []

    def started(self, process_ids: list[int]) -> None:
        self._process_ids = process_ids

    def loaded(self) -> None:
        """Bind each rank to its cores. Not before: vLLM looks for free cores while it loads."""
        if self._cores is not None:
            Binding(engines=self._cores[: len(self._process_ids)]).apply(self._process_ids)

    def follow_node(self) -> None:
        while os.read(0, 1):
            self.loaded()
        time.sleep(_GUARD_S)
        os.killpg(0, signal.SIGKILL)


def main() -> None:
    plan_file, report = sys.argv[1], int(sys.argv[2])
    os.set_inheritable(report, False)
    plan = NodeSessionPlan.model_validate_json(Path(plan_file).read_bytes())
    ranks = ServedRanks(plan.binding)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # the engine ends its processes on the way out
    threading.Thread(target=ranks.follow_node, daemon=True).start()
    try:
        engines.serve_ranks(plan.engine, plan.ranks, ranks.started)
    except SubmitterError as error:
        os.write(report, line_of(Failed(message=error.message, hint=error.hint)))
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
