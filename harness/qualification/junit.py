"""The verdict for machines: JUnit XML, a case a criterion, so that any test dashboard can show it."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree


def junit_xml(summary: dict[str, Any]) -> str:
    """JUnit XML of a summary. A criterion that does not decide is skipped when it fails, and says so.

    Where the verdict is INVALID, every rule that was not kept is a case more, which fails.
    """
    criteria = summary["criteria"]
    failed = [row for row in criteria if row["deciding"] and row["passed"] is not True]
    rules = summary["timing"]["rules"] if summary["verdict"] == "INVALID" else []
    broken = [rule for rule in rules if not rule["passed"]]
    suite = ElementTree.Element(
        "testsuite",
        name=f"acceptance of {summary['scenario']}",
        tests=str(len(criteria) + len(broken)),
        failures=str(len(failed) + len(broken)),
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
    for rule in broken:
        case = ElementTree.SubElement(suite, "testcase", classname=summary["scenario"], name=rule["rule"])
        ElementTree.SubElement(case, "failure", message=f"observed {rule['observed']}, expected {rule['bound']}")
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"
