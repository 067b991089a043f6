"""The rules for readers: the list of a round, one rule in full, both also as JSON, and `docs/rules.md`.

A test keeps `docs/rules.md` up to date, and `schemas/rules.schema.json` describes the JSON.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from submitter.checker.registry import Rule, all_rules, in_round, require_rule
from submitter.rulebook import Rulebook
from submitter.rulebook_tables import OfficialChecker

FAMILIES = {
    "STR": "files and folders",
    "SYS": "the system description",
    "MEA": "the measurement description and the files beside it",
    "DOC": "documents that a person writes",
    "HYG": "files that do not belong in a submission",
    "PRF": "the performance run",
    "ACC": "the accuracy run and its score",
    "CMP": "the compliance tests",
    "PWR": "the power measurement",
    "EPT": "results of mlcommons/endpoints",
    "CON": "whether the figures of a run agree with one another",
    "PRV": "the manifest",
}
_HEAD = """\
# The rules of `submitter check`

Generated from the registry by `python -m submitter.checker.catalogue > docs/rules.md`.

The origin of a rule is `official` if the official checker enforces it, `policy` if the written rules require it but
the official checker does not enforce it, and `integrity` if it is this project's own. An `error` makes a result
invalid; a `warning` or a `note` does not. For a smoke run, only the rules that say so are waived. The rule book of each
round lists the rules that its official checker does not enforce and those that the round does not have:
`submitter rules ID` shows them.
"""
_WIDTH = 100
_JSON_VERSION = 1
ABSENT = "absent"


def origin_in(rule: Rule, book: Rulebook) -> str:
    """The rule's origin in a round, or `absent` if the round does not have the rule."""
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
    """One rule in full, for the round of `book`; if the rounds of `books` differ, also what each of them says.

    InputError with the nearest known id if there is no such rule.
    """
    rule = require_rule(rule_id)
    blocks = [f"{rule.id}: {rule.title}\n{rule.severity.value}, {origin_in(rule, book)} in round {book.name}"]
    blocks += [textwrap.fill(part, _WIDTH) for part in (rule.why, *_facts(rule)) if part]
    by_round = {other.name: (origin_in(rule, other), *_exceptions(rule, other)) for other in books}
    if len(set(by_round.values())) > 1:
        rounds = [
            textwrap.fill("; ".join(parts), _WIDTH, initial_indent=f"  {name}  ", subsequent_indent=" " * 8)
            for name, parts in by_round.items()
        ]
        blocks.append("\n".join(["by round:", *rounds]))
    return "\n\n".join(blocks)


def json_text(book: Rulebook, rule_id: str | None = None) -> str:
    """The rules of a round, or one of them, as versioned JSON with one rule per line."""
    rules = sorted(all_rules(), key=lambda rule: rule.id) if rule_id is None else [require_rule(rule_id)]
    lines = ",\n    ".join(json.dumps(_document(rule, book)) for rule in rules)
    return f'{{\n  "version": {_JSON_VERSION},\n  "round": {json.dumps(book.name)},\n  "rules": [\n    {lines}\n  ]\n}}'


def _document(rule: Rule, book: Rulebook) -> dict[str, Any]:
    return {
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.value,
        "origin": origin_in(rule, book),
        "exceptions": list(_exceptions(rule, book)),
        "scope": rule.scope.__name__,
        "step": rule.step,
        "requires": list(rule.requires),
        "source": rule.source,
        "hint": rule.hint,
        "why": rule.why,
        "smoke": rule.smoke,
    }


def _exceptions(rule: Rule, book: Rulebook) -> Iterator[str]:
    """How the round's official checker departs from the rule: the tables of the rule book with this rule, and why."""
    for field in msgspec.structs.fields(OfficialChecker):
        table = getattr(book.checker, field.name)
        if isinstance(table, dict) and rule.id in table:
            entry = table[rule.id]
            text = entry if isinstance(entry, str) else ", ".join(entry)
            yield text if field.name == ABSENT else f"{field.name.replace('_', ' ')}: {text}"


def _facts(rule: Rule) -> Iterator[str]:
    yield f"source: {rule.source}"
    if rule.hint:
        yield f"fix: {rule.hint}"
    if rule.requires:
        yield f"applied only if these pass: {', '.join(rule.requires)}"
    if rule.smoke:
        yield f"waived for a smoke run: {rule.smoke}"


def _by_family() -> Iterator[tuple[str, list[Rule]]]:
    """The families in the order of `FAMILIES`, each with its rules in the order of their ids."""
    rules = sorted(all_rules(), key=lambda rule: rule.id)
    for prefix, title in FAMILIES.items():
        yield f"{prefix}: {title}", [rule for rule in rules if rule.id.startswith(prefix)]


def markdown() -> str:
    """The text of `docs/rules.md`: all rules, by family."""
    parts = [_HEAD]
    for title, rules in _by_family():
        parts.append(f"\n## {title}\n")
        parts += [_section(rule) for rule in rules]
    return "".join(parts)


def anchor(rule: Rule) -> str:
    """The fragment of the rule's section in `docs/rules.md`, as GitHub derives it from a heading."""
    return re.sub(r"[^\w\- ]", "", _title(rule).lower()).replace(" ", "-")


def _title(rule: Rule) -> str:
    return f"{rule.id}: {rule.title}"


def _section(rule: Rule) -> str:
    lines = [f"\n### {_title(rule)}\n"]
    if rule.why:
        lines.append(f"{rule.why}\n")
    lines.append(f"- {rule.severity}, {rule.origin}")
    lines += [f"- {fact}" for fact in _facts(rule)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    import sys

    sys.stdout.write(markdown())
