"""Campaigns: what `submitter run-all` and its single steps do. The only package in which the features meet."""

from submitter.campaign.changes import RunChanges, changes_since
from submitter.campaign.draft import make_draft
from submitter.campaign.file import Campaign, load_campaign
from submitter.campaign.lock import locked
from submitter.campaign.node import serve_node
from submitter.campaign.outline import CampaignOutline, outline_campaign
from submitter.campaign.plan import CampaignPlan, make_plan
from submitter.campaign.preflight import PassedCheck, PreflightError, require_preflight
from submitter.campaign.probe import Probe
from submitter.campaign.run import make_runs
from submitter.campaign.scores import MetricScore, ScenarioScore, score_campaign
from submitter.campaign.selection import require_run, tuned_benchmark
from submitter.campaign.sequence import CampaignOutcome, run_all
from submitter.campaign.slurm import SlurmPlan, plan_slurm_job
from submitter.campaign.templates import write_templates
from submitter.campaign.tree import assemble
from submitter.campaign.tune import TuneResult, tune, write_target
from submitter.campaign.watcher import CampaignWatcher, Stage

__all__ = [
    "Campaign",
    "CampaignOutcome",
    "CampaignOutline",
    "CampaignPlan",
    "CampaignWatcher",
    "MetricScore",
    "PassedCheck",
    "PreflightError",
    "Probe",
    "RunChanges",
    "ScenarioScore",
    "SlurmPlan",
    "Stage",
    "TuneResult",
    "assemble",
    "changes_since",
    "load_campaign",
    "locked",
    "make_draft",
    "make_plan",
    "make_runs",
    "outline_campaign",
    "plan_slurm_job",
    "require_preflight",
    "require_run",
    "run_all",
    "score_campaign",
    "serve_node",
    "tune",
    "tuned_benchmark",
    "write_target",
    "write_templates",
]
