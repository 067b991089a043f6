"""MLPerf Inference submissions for language models: run, score, assemble and check them.

The names below are the public API. Each is imported when it is first used, so `import submitter` costs nothing.
Everything else may change from one version to the next.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from submitter.version import VERSION as __version__

if TYPE_CHECKING:
    from submitter.campaign import assemble, run_all
    from submitter.checker import Finding, Report, check
    from submitter.rulebook import load_rulebook
    from submitter.scoring import score
    from submitter.submission import open_submission

__all__ = [
    "Finding",
    "Report",
    "__version__",
    "assemble",
    "check",
    "load_rulebook",
    "open_submission",
    "run_all",
    "score",
]

_HOMES = {
    "Finding": "checker",
    "Report": "checker",
    "assemble": "campaign",
    "check": "checker",
    "load_rulebook": "rulebook",
    "open_submission": "submission",
    "run_all": "campaign",
    "score": "scoring",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'submitter' has no attribute '{name}'")
    return getattr(import_module(f"submitter.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
