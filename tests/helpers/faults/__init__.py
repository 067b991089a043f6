"""Faults of machine, engine and disk, injected into real campaigns. docs/reliability.md has the table of them."""
