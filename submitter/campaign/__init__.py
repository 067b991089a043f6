"""What run-all does: plan, preflight, runs, scores, assembly. The only place where the features meet."""

from submitter.campaign.draft import Draft, make_draft
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import Passed, preflight, system_description
from submitter.campaign.run import do_assembly, do_runs, do_scores, locked
from submitter.campaign.templates import write_templates

__all__ = [
    "Campaign",
    "CampaignPlan",
    "Draft",
    "Passed",
    "do_assembly",
    "do_runs",
    "do_scores",
    "load_campaign",
    "locked",
    "make_draft",
    "make_plan",
    "preflight",
    "system_description",
    "write_templates",
]
