"""What the checklist says of power and encryption; the rest of it is text."""

from __future__ import annotations

from submitter.package.checklist import SUBMISSION_UI, checklist


def test_power_and_encryption_have_their_own_duties() -> None:
    plain = list(checklist("Acme.tar.gz", has_power=False, is_encrypted=False))
    both = list(checklist("Acme.tar.gz.age", has_power=True, is_encrypted=True))
    assert any(f"Acme.tar.gz at {SUBMISSION_UI}" in line for line in plain)
    assert not any("Power EULA" in line or "age --decrypt" in line for line in plain)
    assert any("Power EULA" in line for line in both)
    assert any("age --decrypt" in line for line in both)
