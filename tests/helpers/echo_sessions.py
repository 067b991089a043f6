"""What the sessions of the harness's tests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from submitter.harness.plan import RunPlan
from submitter.harness.supervisor import Finished

EOS = 2
SAMPLES = 64
USER_CONF = f"""
*.*.performance_sample_count_override = {SAMPLES}
*.Offline.min_query_count = {SAMPLES}
*.Offline.min_duration = 100
*.Offline.target_qps = 2000
*.Server.min_duration = 500
*.Server.min_query_count = 100
*.Server.target_qps = 400
"""


@dataclass
class Watched:
    """What a session told, and the runs it finished, their logs copied out of the partial folders."""

    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)

    def event(self, kind: str, run: RunPlan | None, facts: dict[str, Any]) -> None:
        self.events.append((kind, facts))
