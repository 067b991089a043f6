"""What run-all does: plan, preflight, runs, scores, assembly. The only place where the features meet."""

from submitter.campaign.draft import Draft, make_draft
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import Passed, preflight, system_description
from submitter.campaign.run import do_assembly, do_runs, do_scores, locked
from submitter.campaign.search import Outcome, Probe
from submitter.campaign.templates import write_templates
from submitter.campaign.tune import Tuned, tune, write_target

__all__ = [
    "Campaign",
    "CampaignPlan",
    "Draft",
    "Outcome",
    "Passed",
    "Probe",
    "Tuned",
    "do_assembly",
    "do_runs",
    "do_scores",
    "load_campaign",
    "locked",
    "make_draft",
    "make_plan",
    "preflight",
    "system_description",
    "tune",
    "write_target",
    "write_templates",
]
