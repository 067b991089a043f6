"""Durations, counts, sizes and margins in words, and a line of several parts that fits its columns."""

from __future__ import annotations

from collections.abc import Sequence

from submitter.units import S_PER_H, S_PER_MIN


def duration(seconds: float) -> str:
    """`45 s`, `12 min 30 s`, `1 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < S_PER_MIN:
        return f"{whole} s"
    if whole < S_PER_H:
        return f"{whole // S_PER_MIN} min {whole % S_PER_MIN:02d} s"
    return f"{whole // S_PER_H} h {whole % S_PER_H // S_PER_MIN:02d} min"


def short_duration(seconds: float) -> str:
    """`45s`, `12m30`, `1h05`."""
    whole = max(0, round(seconds))
    if whole < S_PER_MIN:
        return f"{whole}s"
    if whole < S_PER_H:
        return f"{whole // S_PER_MIN}m{whole % S_PER_MIN:02d}"
    return f"{whole // S_PER_H}h{whole % S_PER_H // S_PER_MIN:02d}"


def short_count(value: float) -> str:
    """Three digits: `812`, `3.21k`, `45.6k`, `1.02M`."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:#.3g}".rstrip(".") + letter
    return f"{value:.0f}"


def disk_size(size_bytes: int) -> str:
    """`0 B`, `812 kB`, `45.6 MB`, `1.02 GB`, in powers of 1000."""
    for size, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= size:
            return f"{size_bytes / size:#.3g}".rstrip(".") + f" {unit}"
    return f"{size_bytes} B"


def margins(value: float, lower: float | None, upper: float | None) -> str:
    """How far a value is from its limits, in percent of the limit; empty if it has none."""
    parts = []
    if lower:
        share = (value / lower - 1) * 100
        parts.append(f"{abs(share):.2f} % {'above' if value >= lower else 'SHORT OF'} {lower:.6g}")
    if upper:
        share = (1 - value / upper) * 100
        parts.append(f"{abs(share):.2f} % {'below' if value <= upper else 'OVER'} {upper:.6g}")
    return ", ".join(parts)


def fitted(parts: Sequence[Sequence[str]], shorten: Sequence[int], columns: int) -> str:
    """The parts in one line of at most `columns` characters, two blanks between them.

    Each part has its forms, the longest first; an empty form leaves it out. As long as the line is too long, the part
    that is next in `shorten` takes its next form. What is too long then is cut.
    """
    form = [0] * len(parts)
    line = _joined(parts, form)
    for index in shorten:
        if len(line) <= columns:
            break
        form[index] += 1
        line = _joined(parts, form)
    return line[:columns].rstrip()


def _joined(parts: Sequence[Sequence[str]], form: Sequence[int]) -> str:
    return "  ".join(filter(None, (forms[chosen] for forms, chosen in zip(parts, form, strict=True))))
