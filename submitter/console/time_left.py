"""How long a run and a whole campaign still take: by the plan at first, and by what was measured the more is done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from submitter.model import Mode, Scenario

if TYPE_CHECKING:
    from submitter.harness.plan import RunPlan

# From this share of its samples on, a run is predicted by its measured rate alone; before, also by the plan.
_TRUSTED_SHARE = 0.1
# Until an engine has been loaded.
_LOAD_S = 60.0
# On one core: llama2-70b in bench/BENCHMARKS.md.
_SCORING_S_PER_ANSWER = 0.0011


class RunTime:
    """How long one run still takes."""

    def __init__(self, run: RunPlan) -> None:
        self._planned_s = run.expected_s
        # LoadGen issues the samples of all scenarios but Offline at the target rate, so such a run is never faster.
        self._is_paced = run.scenario is not Scenario.OFFLINE
        self._first: tuple[float, int] | None = None

    def left_s(self, elapsed_s: float, done: int, total: int) -> float | None:
        """In s, if `done` of `total` samples are finished after `elapsed_s`; None if nothing is known."""
        planned_s = max(self._planned_s - elapsed_s, 0.0)
        if done >= total:
            return 0.0
        rate = self._rate(elapsed_s, done)
        if not rate:
            return planned_s or None
        share, late = done / total / _TRUSTED_SHARE, elapsed_s / max(self._planned_s, 1.0)
        trust = min(max(share, late**4), 1.0)
        left_s = trust * (total - done) / rate + (1 - trust) * planned_s
        return max(left_s, planned_s) if self._is_paced else left_s

    def _rate(self, elapsed_s: float, done: int) -> float:
        """Samples per second since the first were finished: the wait for them says nothing. 0 if unknown."""
        if self._first is None and done:
            self._first = elapsed_s, done
        if self._first is None or elapsed_s <= self._first[0]:
            return 0.0
        return (done - self._first[1]) / (elapsed_s - self._first[0])


class CampaignTime:
    """How long the rest of a campaign takes: engines to load, runs to make, answers to score."""

    def __init__(self, sessions: Sequence[Sequence[RunPlan]], scoring_cores: int) -> None:
        """Each session loads an engine and makes its runs. Without `scoring_cores` (0) nothing is scored after them."""
        self._pending = [{run.folder: run.expected_s for run in runs} for runs in sessions]
        self._is_loaded = [False] * len(self._pending)
        self._load_s = _LOAD_S
        answers = sum(run.expected_samples for runs in sessions for run in runs if run.mode is Mode.ACCURACY)
        self._scoring_s = answers * _SCORING_S_PER_ANSWER / scoring_cores if scoring_cores else 0.0

    def end_run(self, run: RunPlan) -> None:
        """The run is finished, or was before."""
        for pending in self._pending:
            pending.pop(run.folder, None)

    def end_load(self, seconds: float) -> None:
        """The next session's engine has been loaded; the others are expected to take as long."""
        self._load_s = seconds
        index = next(self._to_load(), None)
        if index is not None:
            self._is_loaded[index] = True

    def load_left_s(self, elapsed_s: float) -> float:
        """How long the engine that loads still takes, in s."""
        return max(self._load_s - elapsed_s, 0.0)

    def left_s(self, current: RunPlan | None, current_left_s: float) -> float:
        """In s, if `current` is under way and takes `current_left_s` more; None stands for the engine that loads."""
        loads = len(list(self._to_load())) - (current is None)
        runs_s = sum(seconds for pending in self._pending for seconds in pending.values())
        if current is not None:
            runs_s -= sum(pending.get(current.folder, 0.0) for pending in self._pending)
        return current_left_s + max(loads, 0) * self._load_s + max(runs_s, 0.0) + self._scoring_s

    def _to_load(self) -> Iterator[int]:
        """The sessions that have runs to make and no engine yet, in order."""
        return (index for index, pending in enumerate(self._pending) if pending and not self._is_loaded[index])
