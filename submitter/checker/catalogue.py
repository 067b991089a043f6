"""The rules for people: the list of a round, all about one rule, and `docs/rules.md`, which a test keeps so."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

import msgspec

from submitter import plugins
from submitter.checker.registry import Rule, all_rules, in_round
from submitter.rulebook import OfficialChecker, Rulebook

FAMILIES = {
    "STR": "what lies where",
    "SYS": "the system description",
    "MEA": "what stands beside a result",
    "DOC": "what a person has to write, and whether it says what it must",
    "HYG": "what does not belong into a submission",
    "PRF": "the performance run",
    "ACC": "the accuracy run and its score",
    "CMP": "the compliance tests",
    "PWR": "the power measurement",
    "EPT": "results of mlcommons/endpoints",
    "CON": "the figures of a run against one another",
    "PRV": "the manifest",
}
_HEAD = """\
# The rules of `submitter check`

Generated from the registry by `python -m submitter.checker.catalogue > docs/rules.md`.

Origin: `official` rules are those the official checker enforces; `policy` rules stand in the written rules, and the
official checker does not enforce them; `integrity` rules are this project's. An `error` makes a result invalid, a
`warning` or a `note` does not. A smoke run is waived the rules that say so, and no other. What an older round's
official checker lets pass, or the round does not have, its rule book says: `submitter rules ID` shows it.
"""
_WIDTH = 100
ABSENT = "absent"


def origin_in(rule: Rule, book: Rulebook) -> str:
    """Who demands the rule in a round, or `absent` where the round has no such demand."""
    found = in_round(rule, book)
    return ABSENT if found is None else found.origin.value


def listing(book: Rulebook) -> str:
    """All rules, by family: id, severity, origin in the round, title."""
    lines = [f"The rules of round {book.name}"]
    for title, rules in _by_family():
        lines += ["", title]
        lines += [f"  {r.id}  {r.severity.value:<8} {origin_in(r, book):<10} {r.title}" for r in rules]
    return "\n".join(lines)


def explanation(rule_id: str, book: Rulebook, books: Iterable[Rulebook]) -> str:
    """All about one rule, as round `book` has it and, where they differ, as each of `books` does.

    InputError with the nearest known id if there is no such rule.
    """
    rules = {rule.id: rule for rule in all_rules()}
    plugins.require(rule_id, rules, "rule")
    rule = rules[rule_id]
    blocks = [f"{rule.id}: {rule.title}\n{rule.severity.value}, {origin_in(rule, book)} in round {book.name}"]
    blocks += [textwrap.fill(part, _WIDTH) for part in (rule.why, *_facts(rule)) if part]
    by_round = {other.name: (origin_in(rule, other), *_told(rule, other)) for other in books}
    if len(set(by_round.values())) > 1:
        rounds = [
            textwrap.fill("; ".join(parts), _WIDTH, initial_indent=f"  {name}  ", subsequent_indent=" " * 8)
            for name, parts in by_round.items()
        ]
        blocks.append("\n".join(["by round:", *rounds]))
    return "\n\n".join(blocks)


def _told(rule: Rule, book: Rulebook) -> Iterator[str]:
    """What the book says about the round's official checker and this rule: which table of it, and why."""
    for field in msgspec.structs.fields(OfficialChecker):
        table = getattr(book.checker, field.name)
        if isinstance(table, dict) and rule.id in table:
            told = table[rule.id] if isinstance(table[rule.id], str) else ", ".join(table[rule.id])
            yield told if field.name == ABSENT else f"{field.name.replace('_', ' ')}: {told}"


def _facts(rule: Rule) -> Iterator[str]:
    yield f"source: {rule.source}"
    if rule.hint:
        yield f"to mend it: {rule.hint}"
    if rule.requires:
        yield f"asked where these hold: {', '.join(rule.requires)}"
    if rule.smoke:
        yield f"waived for a smoke run: {rule.smoke}"


def _by_family() -> Iterator[tuple[str, list[Rule]]]:
    """The families in the order of the table above, each with its rules by id."""
    rules = sorted(all_rules(), key=lambda rule: rule.id)
    for prefix, title in FAMILIES.items():
        yield f"{prefix}: {title}", [rule for rule in rules if rule.id.startswith(prefix)]


def markdown() -> str:
    """All rules, by family."""
    parts = [_HEAD]
    for title, rules in _by_family():
        parts.append(f"\n## {title}\n")
        parts += [_section(rule) for rule in rules]
    return "".join(parts)


def _section(rule: Rule) -> str:
    lines = [f"\n### {rule.id}: {rule.title}\n"]
    if rule.why:
        lines.append(f"{rule.why}\n")
    lines.append(f"- {rule.severity}, {rule.origin}")
    lines += [f"- {fact}" for fact in _facts(rule)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
