"""Every binding requirement of the core profile has a check that decides it, and a gateway that breaks it.

So has every one of the extended profile that is listed here, whether it binds or not.
"""

from fnmatch import fnmatchcase

from conformance.catalogue import discover
from conformance.judge import HTTP_RULE, STREAM_RULE
from conformance.requirements import Level, load_ledger
from tests.conformance.test_faults import FAULTS

JUDGED_EVERYWHERE = {HTTP_RULE, STREAM_RULE}
"""Judged on all answers and messages of a run, not by one check."""

BROKEN_ELSEWHERE = {*JUDGED_EVERYWHERE, "TONPO-SEC-040"}
"""`test_secrecy.py` serves old TLS."""

COVERED = (
    "TONPO-SEL-*",
    "TONPO-IDEM-*",
    "TONPO-PEND-*",
    "TONPO-RES-*",
    "TONPO-STAT-*",
)
"""Rows of the extended profile whose checks are written; SHOULD counts here as MUST."""

LEDGER = load_ledger()
CATALOGUE = discover(LEDGER)
OBSERVABLE = [row for row in LEDGER if row.unobservable is None]
BINDING = {row.id for row in OBSERVABLE if row.profile == "core" and row.level is Level.MUST} | {
    row.id
    for row in OBSERVABLE
    if row.profile == "extended" and any(fnmatchcase(row.id, pattern) for pattern in COVERED)
}


def test_every_pattern_of_covered_rows_matches_one() -> None:
    assert [one for one in COVERED if not any(fnmatchcase(row.id, one) for row in OBSERVABLE)] == []


def test_every_binding_requirement_has_a_check() -> None:
    judged = {identifier for one in CATALOGUE.checks for identifier in one.requirements}
    assert BINDING - judged - JUDGED_EVERYWHERE == set()


def test_every_binding_requirement_has_a_gateway_that_breaks_it() -> None:
    assert BINDING - {fault.requirement for fault in FAULTS} - BROKEN_ELSEWHERE == set()


def test_each_fault_is_one_that_its_check_declares() -> None:
    declared = {(one.id, identifier) for one in CATALOGUE.checks for identifier in one.requirements}
    assert {(fault.caught_by, fault.requirement) for fault in FAULTS} - declared == set()
