"""The campaign's system, as its submission describes it."""

from __future__ import annotations

from typing import Any

from submitter import documents, system
from submitter.campaign.file import Campaign
from submitter.errors import InputError


def system_description(campaign: Campaign) -> dict[str, Any]:
    """What the system's file says, and what the host says of the rest. InputError if that is not all, or not right."""
    description = system.complete(system.read(campaign.system.description), system.describe())
    description |= {"submitter": campaign.submitter, "division": str(campaign.division)}
    if missing := system.missing(description):
        raise InputError(
            f"{campaign.system.description} lacks {', '.join(missing)}",
            "only a person knows these: fill them in (submitter describe-system shows all)",
        )
    for field, value in description.items():
        documents.require_filled(str(value), f"{campaign.system.description}: {field}")
    system.validate(description)
    return description
