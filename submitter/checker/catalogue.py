"""The list of all rules as Markdown: `docs/rules.md` is this text, and a test keeps it so."""

from __future__ import annotations

from submitter.checker.registry import Rule, all_rules

_FAMILIES = {
    "structure": "STR: what lies where",
    "system": "SYS: the system description",
    "measurements": "MEA: what stands beside a result",
    "performance": "PRF: the performance run",
    "accuracy": "ACC: the accuracy run and its score",
    "compliance": "CMP: the compliance tests",
    "provenance": "PRV: the manifest",
}
_HEAD = """\
# The rules of `submitter check`

Generated from the registry by `python -m submitter.checker.catalogue > docs/rules.md`.

Origin: `official` rules are those the official checker enforces; `policy` rules stand in the written rules, and the
official checker does not enforce them; `integrity` rules are this project's. An `error` makes a result invalid, a
`warning` or a `note` does not. A smoke run is waived the rules that say so, and no other.
"""


def markdown() -> str:
    """All rules, by family."""
    parts = [_HEAD]
    for family, title in _FAMILIES.items():
        parts.append(f"\n## {title}\n")
        parts += [_section(rule) for rule in sorted(all_rules(), key=lambda rule: rule.id) if rule.family == family]
    return "".join(parts)


def _section(rule: Rule) -> str:
    lines = [f"\n### {rule.id}: {rule.title}\n"]
    if rule.why:
        lines.append(f"{rule.why}\n")
    lines.append(f"- {rule.severity}, {rule.origin}")
    lines.append(f"- source: {rule.source}")
    if rule.hint:
        lines.append(f"- to mend it: {rule.hint}")
    if rule.requires:
        lines.append(f"- asked where these hold: {', '.join(rule.requires)}")
    if rule.smoke:
        lines.append(f"- waived for a smoke run: {rule.smoke}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
