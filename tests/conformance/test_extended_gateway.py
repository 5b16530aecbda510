"""A correct gateway with extended capabilities passes everything, also for users who have several accounts."""

import pytest

from conformance.outcomes import Status
from conformance.report import RequirementStatus
from tests.conformance.extended_broker import ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.serving import catalogue, judge, served, with_status
from tests.conformance.test_faults import PATIENCE
from tests.conformance.unusual_gateway import Owner, Terminal

WAITING = {"limits"}
"""Areas whose checks wait for a minute to pass."""

NOT_GOOD = (Status.FAIL, Status.ERROR, Status.FLAKY, Status.COULD_NOT_RUN)


def areas(profile: str) -> list[str]:
    return sorted({one.area for one in catalogue().checks if catalogue().profile_of(one) == profile} - WAITING)


def owner(number: int) -> Owner:
    terminals: dict[str, Terminal] = {}
    for which in ("first", "second"):
        terminal = Terminal(f"{which}-of-{number}", f"{number}00{len(terminals)}", "active", broker=ExtendedBroker())
        terminals[terminal.id] = terminal
    return Owner(number, f"key-{number}", terminals=terminals)


async def test_every_check_of_its_capabilities_passes() -> None:
    gateway = ExtendedGateway()
    async with served(gateway.application()) as url:
        report = await judge(url, *areas("extended"), profile="extended", timeouts=PATIENCE)
    wanted = {
        one.id
        for one in catalogue().checks
        if catalogue().profile_of(one) == "extended" and catalogue().capabilities_of(one) <= set(gateway.capabilities)
    }
    assert wanted - {one.id for one in report.results if one.status is Status.PASS} == set()
    assert {status: with_status(report, status) for status in NOT_GOOD if with_status(report, status)} == {}
    broken = (RequirementStatus.BROKEN, RequirementStatus.NOT_FOLLOWED)
    assert [row.requirement.id for row in report.requirements if row.status in broken] == []


@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")  # a check sends four megabytes
@pytest.mark.parametrize("profile", ["core", "extended"])
async def test_keys_of_users_with_several_accounts_can_be_given(profile: str) -> None:
    gateway = ExtendedGateway()
    async with served(gateway.application()) as url:
        for number in (101, 102):
            gateway.owners[f"key-{number}"] = owner(number)
        report = await judge(url, *areas(profile), profile=profile, timeouts=PATIENCE, api_keys=("key-101", "key-102"))
    assert {status: with_status(report, status) for status in NOT_GOOD if with_status(report, status)} == {}
    untouched = [terminal for number in (101, 102) for terminal in gateway.owners[f"key-{number}"].terminals.values()]
    assert [(one.state, one.broker.open, one.broker.pending) for one in untouched] == [("active", {}, {})] * 4
