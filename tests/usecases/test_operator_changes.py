"""What an operator does outside reaches a gateway that runs, and failed authentications are counted within bounds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.audit import GATEWAY, NOBODY, AuditAction, AuditEntry
from reference_server.domain.errors import ApiKeyInvalid
from reference_server.domain.user import User
from reference_server.usecases.audit_upkeep import MOST_ADDRESSES, MOST_FAILURES, AuditPurge, FailedAuthentications
from reference_server.usecases.auditing import ORIGIN, Origin
from reference_server.usecases.operator_changes import OperatorChanges
from reference_server.usecases.ports import OperatorChange
from reference_server.usecases.routine import Routine
from tests.usecases.fakes import CREDENTIALS, Gateway, ManualClock, settle


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class FakeAudit:
    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.changes: list[OperatorChange] = []
        self.purged: list[tuple[int, int]] = []
        self.end = 0
        """Sequence of the last entry of anybody else."""
        self.asked: list[int] = []
        """After which sequences the operator's changes were asked for."""
        self.meanwhile: dict[str, OperatorChange] = {}
        """Stored just after the question of this name is answered."""

    async def add(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    async def latest(self) -> int:
        end = max((self.end, *(change.sequence for change in self.changes)))
        self._store_after("latest")
        return end

    async def operator_changes(self, after: int) -> Sequence[OperatorChange]:
        self.asked.append(after)
        found = [change for change in self.changes if change.sequence > after]
        self._store_after("operator_changes")
        return found

    async def purge(self, *, before_ms: int, failures: int) -> None:
        self.purged.append((before_ms, failures))

    def _store_after(self, question: str) -> None:
        if question in self.meanwhile:
            self.changes.append(self.meanwhile.pop(question))


@pytest.mark.parametrize(
    ("action", "closes"),
    [
        (AuditAction.KEY_REVOKED, True),
        (AuditAction.KEY_ROTATED, True),
        (AuditAction.USER_DELETED, True),
        (AuditAction.PLAN_CHANGED, False),
        (AuditAction.BACKUP_MADE, False),
    ],
)
async def test_a_change_outside_is_honoured_once(gateway: Gateway, action: AuditAction, closes: bool) -> None:
    user, key = await gateway.user_cases.create_user("10.0.0.1")
    await gateway.user_cases.authenticate(key)
    closed: list[str] = []
    gateway.user_cases.on_key_revoked.append(closed.append)
    audit = FakeAudit()
    audit.changes.append(OperatorChange(3, AuditAction.KEY_REVOKED, user.user_id))  # of before the start
    changes = OperatorChanges(audit, gateway.user_cases)
    await changes.begin()
    await changes.look()
    assert closed == []
    audit.changes.append(OperatorChange(4, action, user.user_id))
    queries = gateway.users.queries
    for _ in range(2):
        await changes.look()
    assert closed == ([user.user_id] if closes else [])
    await gateway.user_cases.authenticate(key)
    assert gateway.users.queries == queries + (action is not AuditAction.BACKUP_MADE)


async def test_what_others_did_is_read_past_once(gateway: Gateway) -> None:
    audit = FakeAudit()
    changes = OperatorChanges(audit, gateway.user_cases)
    await changes.begin()
    for audit.end in (100_000, 100_000, 200_000):
        await changes.look()
    audit.changes.append(OperatorChange(200_001, AuditAction.BACKUP_MADE, "data"))
    audit.end = 200_005
    await changes.look()
    audit.end = 200_006
    await changes.look()
    assert audit.asked == [0, 100_000, 200_000, 200_005]


@pytest.mark.parametrize(("moment", "others"), [("latest", 0), ("latest", 7), ("operator_changes", 7)])
async def test_a_change_that_is_stored_during_a_look_is_honoured_once_and_soon(
    gateway: Gateway, moment: str, others: int
) -> None:
    closed: list[str] = []
    gateway.user_cases.on_key_revoked.append(closed.append)
    audit = FakeAudit()
    changes = OperatorChanges(audit, gateway.user_cases)
    await changes.begin()
    audit.end = others
    audit.meanwhile[moment] = OperatorChange(others + 1, AuditAction.KEY_REVOKED, "usr_1")
    for audit.end in (others, others + 3, others + 3):  # somebody else's come after the change
        await changes.look()
    assert closed == ["usr_1"]


async def test_after_everything_was_purged_the_next_change_is_honoured(gateway: Gateway) -> None:
    closed: list[str] = []
    gateway.user_cases.on_key_revoked.append(closed.append)
    audit = FakeAudit()
    audit.end = 9
    changes = OperatorChanges(audit, gateway.user_cases)
    await changes.begin()
    audit.end = 0
    await changes.look()
    audit.changes.append(OperatorChange(10, AuditAction.KEY_REVOKED, "usr_1"))
    await changes.look()
    assert closed == ["usr_1"]


async def test_refused_keys_are_counted_by_client_address_and_written_together(gateway: Gateway) -> None:
    audit = FakeAudit()
    failures = FailedAuthentications(audit, gateway.clock)
    gateway.user_cases.on_key_refused.append(failures.note)
    for address, times in (("10.0.0.1", 3), ("2001:db8:1:2::1", 1), ("2001:db8:1:2::ffff", 1)):
        ORIGIN.set(Origin("req_1", address))
        for key in ("key-999", "nonsense", "key-998")[:times]:
            with pytest.raises(ApiKeyInvalid):
                await gateway.user_cases.authenticate(key)
    await failures.write()
    await failures.write()
    assert [(one.actor, one.address, one.detail) for one in audit.entries] == [
        (NOBODY, "10.0.0.1", "3 times within a minute"),
        (NOBODY, "2001:db8:1:2::/64", "2 times within a minute"),
    ]


async def test_however_many_addresses_try_keys_few_entries_are_written(clock: ManualClock) -> None:
    audit = FakeAudit()
    failures = FailedAuthentications(audit, clock)
    for number in range(5_000):
        ORIGIN.set(Origin("req_1", f"10.0.{number // 250}.{number % 250}"))
        failures.note()
    await failures.write()
    assert len(audit.entries) == MOST_ADDRESSES + 1
    assert audit.entries[-1].address == "others"


async def test_old_entries_are_purged_by_the_setting(clock: ManualClock) -> None:
    audit = FakeAudit()
    await AuditPurge(audit, clock, 400).purge()
    assert audit.purged == [(clock.now_ms() - 400 * 86_400_000, MOST_FAILURES)]


async def test_a_routine_goes_on_after_a_failure_and_ends_when_closed(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    turns: list[int] = []

    async def work() -> None:
        turns.append(len(turns))
        if len(turns) == 1:
            raise OSError("the disk is full")

    routine = Routine("count", work, clock, 10.0)
    routine.start()
    await clock.advance(9.0)
    assert turns == []
    await clock.advance(21.0)
    assert turns == [0, 1, 2]
    assert "count failed and is tried again" in caplog.text
    await routine.close()
    await routine.close()
    await clock.advance(50.0)
    assert turns == [0, 1, 2]


async def test_every_change_of_an_account_has_an_entry_with_its_origin_and_connections_have_none(
    gateway: Gateway,
) -> None:
    user, _ = await gateway.user_cases.create_user("10.0.0.1")
    ORIGIN.set(Origin("req_7", "10.0.0.9"))
    account = await gateway.active_account(user)
    for _ in range(2):
        await gateway.account_cases.pause_account(user, account.account_id)
    await gateway.account_cases.resume_account(user, account.account_id)
    for _ in range(2):
        await gateway.account_cases.delete_account(user, account.account_id)
    assert [entry.action.value for entry in gateway.accounts.entries] == [
        "account_created", "account_paused", "account_resumed", "account_deleted",
    ]  # fmt: skip
    for entry in gateway.accounts.entries:
        assert (entry.actor, entry.subject) == (user.user_id, account.account_id)
        assert (entry.request_id, entry.address) == ("req_7", "10.0.0.9")
        assert CREDENTIALS.password not in repr(entry)
    assert [entry.action.value for entry in gateway.users.entries] == ["user_created"]


async def test_a_user_who_pauses_an_account_that_cannot_log_in_is_the_one_who_did_it(
    gateway: Gateway, user: User
) -> None:
    account, _ = await gateway.account_cases.create_account(user, Mt5Credentials("1", "invalid", "Demo"))
    await settle()
    await gateway.account_cases.pause_account(user, account.account_id)
    await gateway.account_cases.resume_account(user, account.account_id)
    assert [(entry.actor, entry.action.value) for entry in gateway.accounts.entries] == [
        (user.user_id, "account_created"), (GATEWAY, "login_failed"),
        (user.user_id, "account_paused"), (user.user_id, "account_resumed"),
    ]  # fmt: skip
