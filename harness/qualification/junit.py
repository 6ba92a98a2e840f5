"""The verdict for machines: JUnit XML, a case a criterion, so that any test dashboard can show it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree


def junit_xml(summary: dict[str, Any]) -> str:
    """JUnit XML of a summary. A criterion that does not decide is skipped when it fails, and says so."""
    criteria = summary["criteria"]
    failed = [row for row in criteria if row["deciding"] and row["passed"] is not True]
    suite = ElementTree.Element(
        "testsuite", name=f"acceptance of {summary['scenario']}", tests=str(len(criteria)), failures=str(len(failed))
    )
    for row in criteria:
        case = ElementTree.SubElement(suite, "testcase", classname=summary["scenario"], name=row["name"])
        text = f"observed {row['observed']}, bound {row['bound']}. {row['note']}".strip()
        if row["passed"] is True:
            continue
        if row["deciding"]:
            ElementTree.SubElement(case, "failure", message=text)
        else:
            ElementTree.SubElement(case, "skipped", message=f"shown, not deciding: {text}")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
