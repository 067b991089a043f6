"""What a run's own log must show before the run counts: that it is the requested run, and that it ended."""

from __future__ import annotations

import shutil
from pathlib import Path

from submitter import compliance, layout
from submitter.errors import RunError, from_os_error
from submitter.harness.plan import RunPlan
from submitter.logs import DetailLog, LogFormatError, read_detail
from submitter.model import Mode

_DISK_HINT = "check whether the disk is full"
_FULL_BYTES = 65536  # with less room, a log that is cut off needs no other explanation
# In LoadGen's error that a limit of user.conf ended the run. It is a part of the verdict, and such a run is INVALID.
_ENDED_EARLY = "Ending early"


def require_folder(run: RunPlan, folder: Path) -> None:
    """RunError if the folder of a run under way is gone."""
    if not folder.is_dir():
        raise RunError(
            f"{run.label}: {folder} was removed during the run", "leave the output folder alone while it runs"
        )


def accepted_log(run: RunPlan, folder: Path) -> DetailLog:
    """The log in `folder`. RunError unless it shows that it is the requested run and that it ended."""
    require_folder(run, folder)
    path = folder / layout.DETAIL_LOG
    try:
        log = read_detail(path)
    except (OSError, LogFormatError) as error:
        why = from_os_error(error, path).message if isinstance(error, OSError) else error
        raise _cut_off(run, folder, f"LoadGen left no readable log: {why}") from None
    if not mode_is(log, run.mode):
        raise RunError(
            f"{run.label}: the log is of another mode: {log['effective_test_mode']}",
            "this is a bug in submitter: report it",
        )
    audited = compliance.was_audited(log) if run.audit is None else not compliance.not_in_force(log, run.audit)
    if audited != run.mode.is_compliance:
        raise RunError(
            f"{run.label}: audit settings were {'not ' if run.mode.is_compliance else ''}in force",
            f"remove any {layout.AUDIT_CONFIG} that is not part of this run",
        )
    if run.mode is not Mode.ACCURACY and "result_validity" not in log:
        raise _cut_off(run, folder, "the log ends before its result")
    if errors := [str(entry.value) for entry in log.errors if _ENDED_EARLY not in str(entry.value)]:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise RunError(f"{run.label}: LoadGen reports an error: {errors[0]}{more}", "no checker accepts such a run")
    if not _is_complete(folder / layout.ACCURACY_LOG):
        raise _cut_off(run, folder, f"{layout.ACCURACY_LOG} is cut off")
    return log


def _cut_off(run: RunPlan, folder: Path, why: str) -> RunError:
    """LoadGen itself does not report a full disk: it leaves logs that are cut off."""
    if shutil.disk_usage(folder).free < _FULL_BYTES:
        return RunError(f"{run.label}: the disk is full at {folder}", f"free some space and run it again; {why}")
    return RunError(f"{run.label}: {why}", _DISK_HINT)


def mode_is(log: DetailLog, mode: Mode) -> bool:
    """Whether LoadGen's log is of a run of this mode."""
    expected = "AccuracyOnly" if mode is Mode.ACCURACY else "PerformanceOnly"
    return bool(log["effective_test_mode"] == expected)


def _is_complete(accuracy_log: Path) -> bool:
    """Whether the log ends with LoadGen's closing bracket: LoadGen itself does not report a full disk."""
    try:
        with accuracy_log.open("rb") as file:
            file.seek(max(0, accuracy_log.stat().st_size - 8))
            return file.read().rstrip().endswith(b"]")
    except OSError:
        return False
