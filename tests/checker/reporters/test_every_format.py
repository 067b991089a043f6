"""What holds for every format: a stranger's text leaves it whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType
from xml.etree import ElementTree

import pytest
from read_reports import check_sarif, commands
from reports import hostile

from submitter.checker.reporters import csv, github, junit, markdown, sarif, text
from submitter.checker.reporters import json as json_report


@pytest.mark.parametrize("reporter", [csv, github, json_report, junit, markdown, sarif, text])
def test_strangers_text_leaves_every_format_whole(reporter: ModuleType) -> None:
    rendered = reporter.render(hostile(), colour=False)
    rendered.encode("utf-8")
    for sign in ("\x00", "\x1b", "\u202e"):
        assert sign not in rendered or reporter is csv
    checks: dict[ModuleType, Callable[[str], object]] = {
        json_report: json.loads,
        sarif: lambda text: list(check_sarif(json.loads(text))),
        junit: lambda text: ElementTree.fromstring(text),
        github: commands,
    }
    checks.get(reporter, len)(rendered)
