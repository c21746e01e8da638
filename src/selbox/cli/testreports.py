"""Outcomes of expectations as other programs read them: JUnit's XML and SARIF."""

import json
import os
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import quote
from xml.etree.ElementTree import Element, SubElement, indent, tostring

import selbox
from selbox.analysis.expectations import Outcome

_RULE = "expectation-failed"


def _source(outcome: Outcome) -> str:
    return outcome.expectation.span.source.name


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """Return outcomes as JUnit's XML: a suite for each file, a case for each expectation.

    Source: the schema ``junit-10.xsd`` of Jenkins' xUnit plugin.
    """
    suites = Element("testsuites", {"name": "selbox test", **_counts(outcomes)})
    for name, group in groupby(outcomes, _source):
        cases = list(group)
        suite = SubElement(suites, "testsuite", {"name": _printable(name), **_counts(cases)})
        for each in cases:
            span = each.expectation.span
            text = f"{each.expectation.text} (line {span.line})"
            case = SubElement(suite, "testcase", classname=_printable(name), name=_printable(text))
            case.set("file", _printable(name))
            case.set("line", str(span.line))
            if each.reasons:
                failure = SubElement(case, "failure", message=_printable(each.reasons[0]), type=_RULE)
                failure.text = _printable("\n".join(each.reasons))
    indent(suites)
    document: str = tostring(suites, "unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{document}\n'.encode()


def _counts(outcomes: Sequence[Outcome]) -> dict[str, str]:
    failures = sum(bool(each.reasons) for each in outcomes)
    return {"tests": str(len(outcomes)), "failures": str(failures), "errors": "0", "skipped": "0"}


def _printable(text: str) -> str:
    """Return text without what XML cannot say."""
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in text)


def sarif(outcomes: Sequence[Outcome]) -> bytes:
    """Return the expectations that failed as a SARIF log, which code reviews show at their lines.

    Source: SARIF 2.1.0, an OASIS standard.
    """
    driver = {
        "name": "selbox test",
        "semanticVersion": selbox.__version__,
        "rules": [{"id": _RULE, "shortDescription": {"text": "The policy does not do what is expected of it"}}],
    }
    results = [
        {
            "ruleId": _RULE,
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": f"{each.expectation.text}: {'; '.join(each.reasons)}"},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": quote(os.path.normpath(_source(each)))},
                        "region": {
                            "startLine": each.expectation.span.line,
                            "startColumn": each.expectation.span.column,
                            "snippet": {"text": each.expectation.text},
                        },
                    }
                }
            ],
        }
        for each in outcomes
        if each.reasons
    ]
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
    return json.dumps(log, indent=2, ensure_ascii=False).encode(errors="replace") + b"\n"
