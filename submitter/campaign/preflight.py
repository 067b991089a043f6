"""What can be known to be wrong before the first long run, all of it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from submitter.campaign.draft import make_draft
from submitter.campaign.plan import CampaignPlan
from submitter.campaign.questions import QUESTIONS
from submitter.checker import Severity
from submitter.errors import InputError, NotInstalledError, SubmitterError


@dataclass(frozen=True)
class Passed:
    """A question that was answered well: what the command line prints."""

    question: str
    answer: str


class PreflightError(SubmitterError):
    """Nothing was run, for all of these `problems`; message, hint and exit code are the first one's."""

    def __init__(self, problems: tuple[SubmitterError, ...]) -> None:
        first, *others = problems
        many = f" (and {len(others)} more)" if others else ""
        super().__init__(f"nothing was run: {first.message}{many}", first.hint)
        self.exit_code = first.exit_code
        self.problems = problems


def require_preflight(
    plan: CampaignPlan, on_outcome: Callable[[Passed | SubmitterError], None], *, needs_all: bool = True
) -> None:
    """Ask every question, `on_outcome` getting each answer; PreflightError with all that is wrong.

    Unless it `needs_all`, what is only not installed here does not count as wrong.
    """
    problems = []
    for outcome in preflight(plan):
        on_outcome(outcome)
        if isinstance(outcome, SubmitterError) and (needs_all or not isinstance(outcome, NotInstalledError)):
            problems.append(outcome)
    if problems:
        raise PreflightError(tuple(problems))


def preflight(plan: CampaignPlan) -> Iterator[Passed | SubmitterError]:
    """Ask every question; yields what passed and what is wrong, so that a user fixes all of it at once."""
    wrong = set()
    for name, question in QUESTIONS.items():
        try:
            answer = question(plan)
        except SubmitterError as error:
            wrong.add(error.message)
            yield error
        else:
            if answer:
                yield Passed(name, answer)
    try:
        yield from _tree(plan)
    except SubmitterError as error:
        if error.message not in wrong:
            yield error


def _tree(plan: CampaignPlan) -> Iterator[Passed | SubmitterError]:
    """What the check would already reject: the same rules, applied to the tree without its runs."""
    draft = make_draft(plan)
    errors = [finding for finding in draft.findings if finding.severity is Severity.ERROR]
    for finding in errors:
        required = f": {finding.required}" if finding.required else ""
        yield InputError(
            f"the check would say: {finding.path}: {finding.message}{required} ({finding.rule})", finding.hint
        )
    if not errors:
        warnings = "".join(f"; warning {f.rule}: {f.path}: {f.message}" for f in draft.findings)
        told = f"{len(draft.files)} files, {len(draft.of_runs)} of them from runs, and the check objects to none"
        yield Passed("tree", told + warnings)
