"""Output formats: one file each, with `render(report, *, colour: bool) -> str`."""
