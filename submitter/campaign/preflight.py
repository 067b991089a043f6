"""Makes every check that is possible before the first run, and reports all problems together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from submitter import layout
from submitter.campaign.draft import make_draft
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.paperwork import PAPERWORK_CHECKS
from submitter.campaign.preflight_checks import RUN_CHECKS, Check
from submitter.checker import Severity
from submitter.errors import InputError, NotInstalledError, PaperworkError, SeveralErrors, SubmitterError

# The files of a measurements folder that a run reads; the others are documents.
_RUN_INPUTS = (layout.USER_CONF, layout.ENGINE_TOML)


@dataclass(frozen=True)
class PassedCheck:
    """A preflight check that found nothing wrong."""

    name: str
    """Its name in `RUN_CHECKS` or `PAPERWORK_CHECKS`, or `tree`."""
    summary: str
    """What it found, in a few words."""


class PreflightError(SeveralErrors):
    """Nothing was run, because of these `problems`."""

    are_reported = True

    def __init__(self, problems: Sequence[SubmitterError]) -> None:
        super().__init__(problems)
        self.message = f"nothing was run: {self.message}"


def require_preflight(
    outline: CampaignOutline, on_outcome: Callable[[PassedCheck | SubmitterError], None], *, needs_all: bool = True
) -> None:
    """Make every check and give each outcome to `on_outcome`. PreflightError with all problems that block the runs.

    A PaperworkError blocks none. Without `needs_all`, LoadGen and the engines need not be installed on this machine.
    """
    problems = []
    for outcome in preflight(outline):
        on_outcome(outcome)
        if not isinstance(outcome, SubmitterError) or isinstance(outcome, PaperworkError):
            continue
        if needs_all or not isinstance(outcome, NotInstalledError):
            problems.append(outcome)
    if problems:
        raise PreflightError(problems)


def preflight(outline: CampaignOutline) -> Iterator[PassedCheck | SubmitterError]:
    """Make every check. Yields the passed checks and all problems, each once, so that a user can fix them together."""
    reported: set[str] = set()
    for outcome in _outcomes(outline, reported):
        if isinstance(outcome, PassedCheck):
            yield outcome
        elif outcome.message not in reported:
            reported.add(outcome.message)
            yield outcome


def _outcomes(outline: CampaignOutline, reported: set[str]) -> Iterator[PassedCheck | SubmitterError]:
    yield from outline.problems
    for name, check in (*RUN_CHECKS.items(), *PAPERWORK_CHECKS.items()):
        yield from _made(name, check, outline)
    try:
        yield from _tree(outline, reported)
    except SubmitterError as error:
        yield PaperworkError(error.message, error.hint)


def _made(name: str, check: Check, outline: CampaignOutline) -> Iterator[PassedCheck | SubmitterError]:
    """The outcomes of one check: its problems or, if it has none, that it passed."""
    summary = []
    is_wrong = False
    try:
        for outcome in check(outline):
            if isinstance(outcome, SubmitterError):
                is_wrong = True
                yield outcome
            else:
                summary.append(outcome)
    except SubmitterError as error:
        yield error
    else:
        if summary and not is_wrong:
            yield PassedCheck(name, "; ".join(summary))


def _tree(outline: CampaignOutline, reported: set[str]) -> Iterator[PassedCheck | SubmitterError]:
    """What `submitter check` reports already: its rules, applied to the tree without the runs.

    A file with a problem that was `reported` is not mentioned again.
    """
    draft = make_draft(outline)
    errors = 0
    for finding in draft.findings:
        source = draft.sources.get(finding.path)
        if finding.severity is not Severity.ERROR or _is_reported(source, reported):
            continue
        errors += 1
        kind = InputError if source is None or source.name in _RUN_INPUTS else PaperworkError
        required = f" (required: {finding.required})" if finding.required else ""
        where = finding.path if source is None else source
        yield kind(f"the check reports {where}: {finding.message}{required} ({finding.rule})", finding.hint)
    if not errors:
        warnings = "".join(
            f"; warning {f.rule}: {f.path}: {f.message}" for f in draft.findings if f.severity is Severity.WARNING
        )
        missing = f", {len(draft.missing)} are missing" if draft.missing else ""
        files = f"{len(draft.files)} files, {len(draft.run_files)} of them from runs{missing}; the check finds no error"
        yield PassedCheck("tree", files + warnings)


def _is_reported(source: Path | None, reported: set[str]) -> bool:
    """Whether a problem with this file was reported; a message about a file begins with its path.

    Some rounds allow a document several suffixes, so the suffix does not count.
    """
    return source is not None and any(message.startswith(str(source.with_suffix(""))) for message in reported)
