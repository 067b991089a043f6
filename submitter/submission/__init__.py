"""Anyone's submission as objects: lazy, cached, bounded, raising only `Unavailable`. It reads, and never judges."""

from submitter.submission.files import Unavailable
from submitter.submission.opened import OpenSubmission, open_submission
from submitter.submission.tree import Result

__all__ = ["OpenSubmission", "Result", "Unavailable", "open_submission"]
