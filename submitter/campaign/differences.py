"""What a campaign would do otherwise than a finished run did: model, data set and settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from submitter import layout
from submitter.campaign.file import Campaign
from submitter.campaign.plan import BenchmarkPlan
from submitter.harness.plan import RunPlan, SessionPlan
from submitter.loadgen_conf import Line, read_file
from submitter.record import RunRecord

_NONE = "not set"


class Cause(StrEnum):
    """Why a finished run is made again."""

    MODEL = "model"
    DATASET = "data set"
    SETTINGS = "settings"
    PACKAGES = "packages"
    DRIVER = "driver"
    HOST = "host"
    DAMAGED = "damaged"
    REQUESTED = "requested"


OF_THE_SYSTEM = frozenset({Cause.PACKAGES, Cause.DRIVER, Cause.HOST})


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that is not what it was in a finished run."""

    cause: Cause
    what: str
    """Such as `engine.toml` or `vllm`."""
    detail: str = ""
    """Such as `max_num_seqs 256 -> 512`; empty if no more is known."""
    path: Path | None = None
    """The changed file or folder, if there is one."""

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}" if self.detail else self.what


def fingerprint(benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan) -> str:
    """Of everything that a run measures; `SessionPlan.fingerprint` lists it."""
    return session.fingerprint(run, benchmark.dataset.sha256, benchmark.model.sha256)


def campaign_settings(session: SessionPlan, run: RunPlan) -> dict[str, Any]:
    """The settings of a run that come neither from user.conf nor from engine.toml, as its record keeps them."""
    return {
        "sample_limit": session.sample_limit,
        **session.engine_plan.model_dump(mode="json", exclude={"model"}),
        "loadgen_model": run.loadgen_model,
        "audit": run.audit,
        "is_network": session.is_network,
    }


def plan_changes(
    campaign: Campaign, benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan, record: RunRecord, folder: Path
) -> list[Change]:
    """What of model, data set and settings is another than in the run whose record and folder these are.

    Empty if the run would measure the same again.
    """
    found = [
        _settings("round", _arrow(record.round, campaign.round)),
        _settings("official benchmark", _arrow(record.official_benchmark, benchmark.official)),
        # A full run may be part of a rehearsal, but not the other way round.
        _settings("smoke", "true -> false" if record.smoke and not campaign.smoke else ""),
    ]
    if record.plan_sha256 != fingerprint(benchmark, session, run):
        known = list(_known(campaign, benchmark, session, run, record, folder))
        found += known or [_in_file(campaign, benchmark)]
    return [each for each in found if each is not None]


def _known(
    campaign: Campaign, benchmark: BenchmarkPlan, session: SessionPlan, run: RunPlan, record: RunRecord, folder: Path
) -> Iterator[Change]:
    """The parts of a fingerprint that the record, or the run's folder, has, too."""
    if record.model.sha256 != benchmark.model.sha256:
        detail = _arrow(record.model.name, benchmark.model.name) or "other files"
        path = benchmark.model_folder
        yield Change(cause=Cause.MODEL, what=f"model {benchmark.model.name}", detail=detail, path=path)
    settings = _differences(record.campaign_settings, campaign_settings(session, run))
    is_limited = any(each.startswith("sample_limit ") for each in settings)
    if record.dataset.sha256 != benchmark.dataset.sha256 and not is_limited:
        detail = _arrow(record.dataset.name, benchmark.dataset.name)
        detail = detail or _arrow(f"{record.dataset.sample_count} samples", f"{len(benchmark.dataset)} samples")
        what = f"data set {benchmark.dataset.name}"
        yield Change(cause=Cause.DATASET, what=what, detail=detail or "other samples", path=session.dataset)
    if record.campaign_settings and settings:
        yield _in_file(campaign, benchmark, ", ".join(settings))
    engine = {"engine": record.engine, **record.engine_settings}
    if different := _differences(engine, session.engine.model_dump(mode="json")):
        yield _of_file(run.user_conf.with_name(layout.ENGINE_TOML), ", ".join(different))
    if (lines := _user_conf(folder / layout.USER_CONF, run.user_conf)) is not None:
        yield _of_file(run.user_conf, lines)


def _settings(what: str, detail: str) -> Change | None:
    return Change(cause=Cause.SETTINGS, what=what, detail=detail) if detail else None


def _of_file(path: Path, detail: str) -> Change:
    return Change(cause=Cause.SETTINGS, what=path.name, detail=detail, path=path)


def _in_file(campaign: Campaign, benchmark: BenchmarkPlan, detail: str = "") -> Change:
    return Change(cause=Cause.SETTINGS, what=f"{benchmark.table.name} in {campaign.path.name}", detail=detail)


def _arrow(before: str, now: str) -> str:
    return f"{before} -> {now}" if before != now else ""


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Each key whose value differs, such as `max_num_seqs 256 -> 512`; keys of tables have the table's name."""
    old, new = _flat(before), _flat(now)
    return [
        f"{key.removeprefix('settings.')} {_arrow(_shown(old, key), _shown(new, key))}"
        for key in [*old, *(key for key in new if key not in old)]
        if old.get(key) != new.get(key)
    ]


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in content.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _shown(content: dict[str, Any], key: str) -> str:
    value = content.get(key)
    return _NONE if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _user_conf(before: Path, now: Path) -> str | None:
    """Which settings of a user.conf differ; None if it is byte for byte the same, or the run's own is not there."""
    if not before.is_file() or before.read_bytes() == now.read_bytes():
        return None
    old, new = _by_name(read_file(before)), _by_name(read_file(now))
    return ", ".join(_differences(old, new)) or "only comments or the order of its lines"


def _by_name(lines: list[Line]) -> dict[str, str]:
    """The value of each name; of two lines with the same name, LoadGen takes the later one."""
    return {line.name: line.values[-1] for line in lines if line.values}
