"""What the shell completes for options whose values are in the package: rounds, rules, formats.

Typer calls these when the Tab key is pressed; only then is anything imported. It filters by what is typed already.
"""

from __future__ import annotations


def rounds() -> list[str]:
    from submitter.rulebook import round_names

    return round_names()


def rule_ids() -> list[tuple[str, str]]:
    """Each rule with its title, which zsh and fish show beside it."""
    from submitter.checker.registry import all_rules

    return sorted((rule.id, rule.title) for rule in all_rules())


def selectors() -> list[tuple[str, str]]:
    """What `--select` and `--ignore` take: the letters of a family, or a rule."""
    from submitter.checker.catalogue import FAMILIES

    return [*FAMILIES.items(), *rule_ids()]


def formats() -> list[str]:
    from submitter import plugins

    return plugins.names("submitter.checker.reporters")


def profiles() -> list[str]:
    from submitter.checker.registry import PROFILES

    return list(PROFILES)


def severities() -> list[str]:
    from submitter.cli.settings import SEVERITIES

    return list(SEVERITIES)


def commands() -> list[str]:
    """What `doctor` takes."""
    from submitter.packages import COMMANDS

    return list(COMMANDS)


def ready_sets() -> list[str]:
    from submitter.campaign import ready_sets as sets

    return [ready.name for ready in sets.ready_sets()]


def ready_benchmarks() -> list[str]:
    """The benchmarks that a ready set is for."""
    from submitter.campaign import ready_sets as sets

    return sets.benchmarks()
