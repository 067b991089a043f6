"""What run-all does: plan, preflight, runs, scores, assembly. The only place where the features meet."""

from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import Passed, preflight
from submitter.campaign.run import do_assembly, do_runs, do_scores, locked

__all__ = [
    "Campaign",
    "CampaignPlan",
    "Passed",
    "do_assembly",
    "do_runs",
    "do_scores",
    "load_campaign",
    "locked",
    "make_plan",
    "preflight",
]
