"""The full campaign that a smoke campaign rehearses."""

from __future__ import annotations

from submitter.campaign.dataset_facts import known_sample_count
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.outline import outline_campaign
from submitter.errors import InputError, raise_all
from submitter.manifest import ManifestFullRun


def expected_full_run(campaign: Campaign) -> ManifestFullRun | None:
    """The command and the time of the full campaign that a smoke campaign rehearses; None if it names none.

    InputError if the files of the full campaign contradict each other, or its data set is missing.
    """
    if not campaign.smoke or campaign.full_run is None:
        return None
    try:
        outlined = outline_campaign(load_campaign(campaign.full_run))
        raise_all(outlined.problems)
        for benchmark in outlined.benchmarks:
            known_sample_count(benchmark.table)
    except InputError as error:
        raise InputError(f"full_run: {error.message}", error.hint) from None
    return ManifestFullRun(command=outlined.campaign.command_in(campaign.path), expected_s=round(outlined.expected_s))
