"""junit.xml: one test case per check, for the readers that CI systems have.

A check that fails only sometimes counts as a failure; a SHOULD that does not hold is told in the output of a passing
test case; what did not apply or could not run is skipped, with the reason.
"""

from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from conformance.outcomes import Status
from conformance.reporters.document import Document
from conformance.reporters.legible import clipped

__all__ = ["build_junit"]

SUITE = "tonpo conformance"
MOST_CHARACTERS = 10_000
MOST_MESSAGE_CHARACTERS = 400
_FAILURES = (Status.FAIL.value, Status.FLAKY.value)
_SKIPS = (Status.NOT_APPLICABLE.value, Status.COULD_NOT_RUN.value)


def build_junit(document: Document) -> bytes:
    """Return the file, UTF-8 with an XML declaration."""
    root = Element("testsuites", {"name": SUITE, **_totals(document["checks"])})
    root.set("time", _seconds(document["duration_ms"]))
    for area in document["areas"]:
        checks = [check for check in document["checks"] if check["area"] == area["name"]]
        suite = SubElement(root, "testsuite", {"name": area["name"], **_totals(checks)})
        suite.set("time", _seconds(area["duration_ms"]))
        suite.set("timestamp", document["started_at"].partition("+")[0])
        suite.set("hostname", document["target"]["url"])
        _add_properties(suite, document)
        for check in checks:
            _add_case(suite, check)
    indent(root)
    content: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def _totals(checks: list[Document]) -> dict[str, str]:
    statuses = [check["status"] for check in checks]
    return {
        "tests": str(len(statuses)),
        "failures": str(sum(one in _FAILURES for one in statuses)),
        "errors": str(statuses.count(Status.ERROR.value)),
        "skipped": str(sum(one in _SKIPS for one in statuses)),
    }


def _add_properties(suite: Element, document: Document) -> None:
    properties = SubElement(suite, "properties")
    values: dict[str, Any] = {
        "verdict": document["verdict"],
        "profile": document["target"]["profile"],
        "target_class": document["target"]["target_class"],
        "seed": document["seed"],
        "suite_version": document["suite"]["version"],
        "spec_version": document["spec"]["version"],
        "spec_sha256": document["spec"]["sha256"],
    }
    for name, value in values.items():
        SubElement(properties, "property", {"name": name, "value": str(value)})


def _add_case(suite: Element, check: Document) -> None:
    case = SubElement(suite, "testcase", {"classname": check["area"], "name": check["id"]})
    case.set("time", _seconds(check["duration_ms"]))
    status, told = check["status"], clipped(_told(check), MOST_CHARACTERS)
    message = clipped(_message(check), MOST_MESSAGE_CHARACTERS)
    if status in _FAILURES:
        SubElement(case, "failure", {"type": status, "message": message}).text = told
    elif status == Status.ERROR.value:
        SubElement(case, "error", {"type": status, "message": message}).text = told
    elif status in _SKIPS:
        SubElement(case, "skipped", {"message": f"{status}: {message}"})
    elif status == Status.WARN.value:
        SubElement(case, "system-out").text = f"warning: {told}"


def _message(check: Document) -> str:
    """Return one line that says what went wrong."""
    if check["status"] in _SKIPS:
        return str(check["reason"] or check["title"])
    first = check["findings"][0]["message"] if check["findings"] else check["reason"] or check["title"]
    more = len(check["findings"]) + check["findings_omitted"] - 1
    return f"{first} (and {more} more)" if more > 0 else str(first)


def _told(check: Document) -> str:
    lines = [check["title"], *([check["reason"]] if check["reason"] else [])]
    for finding in check["findings"]:
        rule = f"{finding['requirement']} " if finding["requirement"] else ""
        lines.append(f"\n{rule}{finding['level']}: {finding['message']}")
        lines += [f"  {name}: {finding[name]}" for name in ("expected", "found") if finding[name] is not None]
    if check["commands"]:
        lines += ["", *(f"$ {command}" for command in check["commands"])]
    return "\n".join(lines)


def _seconds(milliseconds: float) -> str:
    return f"{milliseconds / 1000:.3f}"
