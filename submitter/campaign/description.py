"""The description of the campaign's system, as it goes into the submission."""

from __future__ import annotations

from typing import Any

from submitter import documents, system
from submitter.campaign.file import Campaign
from submitter.errors import InputError


def system_description(campaign: Campaign) -> dict[str, Any]:
    """The fields of the system's file, and of the host for the others. InputError if one is missing or wrong."""
    description = system.complete(system.read(campaign.system.description), system.describe())
    description |= {"submitter": campaign.submitter, "division": str(campaign.division)}
    if missing := system.missing(description):
        raise InputError(
            f"{campaign.system.description} lacks {', '.join(missing)}",
            "fill these in: they cannot be detected (submitter describe-system shows all fields)",
        )
    for field, value in description.items():
        documents.require_filled(str(value), f"{campaign.system.description}: {field}")
    system.validate(description)
    return description
