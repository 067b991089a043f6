"""Preflight: finds all problems that can be found before the first run, and reports them together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from submitter.campaign.draft import make_draft
from submitter.campaign.plan import CampaignPlan
from submitter.campaign.preflight_checks import CHECKS
from submitter.checker import Severity
from submitter.errors import InputError, NotInstalledError, SeveralErrors, SubmitterError


@dataclass(frozen=True)
class PassedCheck:
    """A preflight check that found nothing wrong."""

    name: str
    """Its name in `CHECKS`, or `tree`."""
    summary: str
    """What it found, in a few words."""


class PreflightError(SeveralErrors):
    """Nothing was run, because of these `problems`."""

    are_reported = True

    def __init__(self, problems: Sequence[SubmitterError]) -> None:
        super().__init__(problems)
        self.message = f"nothing was run: {self.message}"


def require_preflight(
    plan: CampaignPlan, on_outcome: Callable[[PassedCheck | SubmitterError], None], *, needs_all: bool = True
) -> None:
    """Make every check and give each outcome to `on_outcome`. PreflightError with all problems, if there are any.

    Without `needs_all`, LoadGen and the engines need not be installed on this machine.
    """
    problems = []
    for outcome in preflight(plan):
        on_outcome(outcome)
        if isinstance(outcome, SubmitterError) and (needs_all or not isinstance(outcome, NotInstalledError)):
            problems.append(outcome)
    if problems:
        raise PreflightError(problems)


def preflight(plan: CampaignPlan) -> Iterator[PassedCheck | SubmitterError]:
    """Make every check. Yields the passed checks and all problems, so that a user can fix them together."""
    wrong = set()
    for name, check in CHECKS.items():
        try:
            summary = check(plan)
        except SubmitterError as error:
            wrong.add(error.message)
            yield error
        else:
            if summary:
                yield PassedCheck(name, summary)
    try:
        yield from _tree(plan)
    except SubmitterError as error:
        if error.message not in wrong:
            yield error


def _tree(plan: CampaignPlan) -> Iterator[PassedCheck | SubmitterError]:
    """What `submitter check` reports already: its rules, applied to the tree without the runs."""
    draft = make_draft(plan)
    errors = [finding for finding in draft.findings if finding.severity is Severity.ERROR]
    for finding in errors:
        required = f": {finding.required}" if finding.required else ""
        yield InputError(
            f"the check reports {finding.path}: {finding.message}{required} ({finding.rule})", finding.hint
        )
    if not errors:
        warnings = "".join(f"; warning {f.rule}: {f.path}: {f.message}" for f in draft.findings)
        files = f"{len(draft.files)} files, {len(draft.run_files)} of them from runs; the check finds no error"
        yield PassedCheck("tree", files + warnings)
