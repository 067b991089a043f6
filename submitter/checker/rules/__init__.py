"""The rule families: one file each, imported by the registry."""
