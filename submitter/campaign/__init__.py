"""What run-all does: plan, preflight, runs, scores, assembly, check. The only place where the features meet."""

from submitter.campaign.draft import Draft, make_draft
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.lock import locked
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import Passed, PreflightError, preflight, require_preflight
from submitter.campaign.run import make_runs
from submitter.campaign.scores import MetricScore, ScenarioScore, score_campaign
from submitter.campaign.search import Probe, SearchOutcome
from submitter.campaign.sequence import CampaignOutcome, run_all
from submitter.campaign.templates import write_templates
from submitter.campaign.tree import assemble
from submitter.campaign.tune import Tuned, tune, write_target
from submitter.campaign.watcher import CampaignWatcher, Stage

__all__ = [
    "Campaign",
    "CampaignOutcome",
    "CampaignPlan",
    "CampaignWatcher",
    "Draft",
    "MetricScore",
    "Passed",
    "PreflightError",
    "Probe",
    "ScenarioScore",
    "SearchOutcome",
    "Stage",
    "Tuned",
    "assemble",
    "load_campaign",
    "locked",
    "make_draft",
    "make_plan",
    "make_runs",
    "preflight",
    "require_preflight",
    "run_all",
    "score_campaign",
    "tune",
    "write_target",
    "write_templates",
]
