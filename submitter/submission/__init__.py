"""A submission tree, whoever made it, as objects: lazy, cached, limited in size, raising only `Unavailable`.

This package reads and never judges.
"""

from submitter.submission.archived import opened_until_done
from submitter.submission.files import Unavailable
from submitter.submission.opened import OpenSubmission, open_submission
from submitter.submission.tree import Result

__all__ = ["OpenSubmission", "Result", "Unavailable", "open_submission", "opened_until_done"]
