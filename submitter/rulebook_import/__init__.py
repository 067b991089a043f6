"""Drafts the rule book of a round from a checkout of mlcommons/inference, whose code is read and never run.

What the checkout's constants say replaces what the newest round before has. The rest is kept from that round, and
marked with the place where to read it. `docs/rulebooks.md` tells the whole way of a new round.
"""

from submitter.rulebook_import.draft import Draft, draft

__all__ = ["Draft", "draft"]
