"""What is left to do once a package is written, as the rules of MLCommons have it.

Sources: mlcommons/policies submission_rules.adoc (c195f80f, April 2026), sections Schedule and How to Submit;
mlcommons/inference docs/submission/index.md and submission-cli.md, Submission_Guidelines.md and
tools/submission/README.md (b66003e1). The policies speak of an encrypted tarball in a storage bucket, whose key is
given to the web UI; the newer documents say that a submission need not be encrypted, and upload a plain .tar.gz through
the UI. None has the bucket's address, a key to encrypt for, or the deadline of the next round: MLCommons announces them
to those who registered.
"""

from __future__ import annotations

from collections.abc import Iterator

SUBMISSION_UI = "https://submissions-ui.mlcommons.org/submission"


def checklist(file_name: str, *, has_power: bool, is_encrypted: bool) -> Iterator[str]:
    """What to do with the package, one line each."""
    power = ", and for power measurements the Power EULA," if has_power else ""
    yield f"sign the CLA and the trademark agreement{power} and register: MLCommons gives access only then"
    yield "calibration documents are due one week before the deadline"
    yield f"upload {file_name} at {SUBMISSION_UI}, or at the address that MLCommons announces for the round"
    if is_encrypted:
        yield "only the recipients can open it, with age --decrypt or submitter unpack: ask whether MLCommons does"
    yield "confirm the results there: what is not confirmed is not submitted; the receipt comes by email"
    yield (
        "the deadline is the round's, in Pacific time: 1 pm on a Friday in the example of the rules; uploads open up to"
        " 14 days before"
    )
    yield "keep the package, its sha256 and the complete accuracy logs: reviewers may ask for them until publication"
