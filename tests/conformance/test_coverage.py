"""Every binding requirement has a check that decides it, and a gateway that breaks it.

Binding are the MUSTs of the core profile; of the extended one, what a gateway SHOULD do is shown to be caught as well.
"""

from conformance.catalogue import discover
from conformance.judge import HTTP_RULE, STREAM_RULE
from conformance.requirements import Level, load_ledger
from tests.conformance.test_faults import FAULTS

JUDGED_EVERYWHERE = {HTTP_RULE, STREAM_RULE}
"""Judged on all answers and messages of a run, not by one check."""

BROKEN_ELSEWHERE = {*JUDGED_EVERYWHERE, "TONPO-SEC-040"}
"""`test_secrecy.py` serves old TLS."""

LEDGER = load_ledger()
CATALOGUE = discover(LEDGER)
BINDING = {
    row.id
    for row in LEDGER
    if row.unobservable is None
    and (row.level is Level.MUST or (row.profile == "extended" and row.level is Level.SHOULD))
}


def test_every_binding_requirement_has_a_check() -> None:
    judged = {identifier for one in CATALOGUE.checks for identifier in one.requirements}
    assert BINDING - judged - JUDGED_EVERYWHERE == set()


def test_every_binding_requirement_has_a_gateway_that_breaks_it() -> None:
    assert BINDING - {fault.requirement for fault in FAULTS} - BROKEN_ELSEWHERE == set()


def test_each_fault_is_one_that_its_check_declares() -> None:
    declared = {(one.id, identifier) for one in CATALOGUE.checks for identifier in one.requirements}
    assert {(fault.caught_by, fault.requirement) for fault in FAULTS} - declared == set()
