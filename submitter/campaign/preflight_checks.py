"""The checks that the runs must pass, by the name that is shown. Those of the documents are in `paperwork.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from submitter.campaign.full_run import expected_full_run
from submitter.campaign.machine import check_accelerators
from submitter.campaign.outline import CampaignOutline
from submitter.campaign.preflight_inputs import check_datasets, check_models, check_scoring
from submitter.campaign.preflight_machine import check_audits, check_engines, check_output
from submitter.campaign.preflight_nodes import check_nodes
from submitter.campaign.preflight_settings import (
    check_durations,
    check_limits,
    check_loadgen,
    check_samples,
    check_seeds,
)
from submitter.errors import SubmitterError

Check = Callable[[CampaignOutline], Iterator[SubmitterError | str]]
"""Yields every problem, and texts: together they are the summary of the check, if it finds no problem."""


def _full_run(outline: CampaignOutline) -> Iterator[SubmitterError | str]:
    """Plan the full campaign that a smoke campaign rehearses. Success is not worth a line."""
    expected_full_run(outline.campaign)
    yield from ()


RUN_CHECKS: dict[str, Check] = {
    "loadgen": check_loadgen,
    "seeds": check_seeds,
    "durations": check_durations,
    "limits": check_limits,
    "samples": check_samples,
    "datasets": check_datasets,
    "models": check_models,
    "scoring": check_scoring,
    "disk": check_output,
    "audits": check_audits,
    "accelerators": check_accelerators,
    "engines": check_engines,
    "nodes": check_nodes,
    "full_run": _full_run,
}
"""In the order in which they are made."""
