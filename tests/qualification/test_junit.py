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
    suite = ElementTree.fromstring(
        junit_xml({"scenario": "s", "verdict": "FAIL", "criteria": criteria, "timing": {"rules": []}}).encode()
    )
    children = {case.get("name"): [child.tag for child in case] for case in suite}
    assert children == {"a": ["failure"], "b": ["skipped"], "c": [], "d": ["failure"]}
    assert suite.get("failures") == "2"


def test_an_invalid_verdict_is_no_success() -> None:
    """A rule that was not kept is a failure of its own, and only where the verdict is INVALID."""
    rules = [
        {"rule": "kept", "passed": True, "observed": "0", "bound": "0"},
        {"rule": "broken", "passed": False, "observed": "3", "bound": "0"},
    ]
    summary = {"scenario": "s", "criteria": [], "timing": {"rules": rules}}
    for verdict, told in (("INVALID", {"broken": "observed 3, expected 0"}), ("PASS", {})):
        suite = ElementTree.fromstring(junit_xml({**summary, "verdict": verdict}).encode())
        assert {case.get("name"): case[0].get("message") for case in suite} == told
        assert suite.get("failures") == suite.get("tests") == str(len(told))
