from __future__ import annotations

from xml.etree import ElementTree

from harness.qualification.junit import junit_xml


def test_junit_fails_what_decides_and_skips_what_is_only_shown() -> None:
    """A dashboard sees one failure for a failed deciding criterion, none for one that only informs."""
    row = {"observed": "1/2", "bound": "2/2", "note": ""}
    criteria = [
        {**row, "name": "a", "passed": False, "deciding": True},
        {**row, "name": "b", "passed": False, "deciding": False},
        {**row, "name": "c", "passed": True, "deciding": True},
        {**row, "name": "d", "passed": None, "deciding": True},
    ]
    suite = ElementTree.fromstring(junit_xml({"scenario": "s", "criteria": criteria}).encode())
    children = {case.get("name"): [child.tag for child in case] for case in suite}
    assert children == {"a": ["failure"], "b": ["skipped"], "c": [], "d": ["failure"]}
    assert suite.get("failures") == "2"
