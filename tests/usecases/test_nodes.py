"""Nodes: who is let in, and what becomes of an account's terminal when its node comes, goes or is ended."""

from __future__ import annotations

import pytest

from reference_server.domain.account import Account, AccountState, Mt5Credentials
from reference_server.domain.audit import AuditAction, AuditEntry
from reference_server.domain.errors import AccountLoginFailed, GatewayError, RequestRateExceeded, StorageUnavailable
from reference_server.domain.nodes import EnrolmentClosed, NodeClaim, NodeEnd, NodeRefused, digest_of
from reference_server.domain.user import User
from reference_server.usecases.node_ports import Enrolled, MakeEntry, NodeChannel
from reference_server.usecases.nodes import CONNECTIONS_PER_MINUTE, NodeUseCases
from reference_server.usecases.operator_changes import OperatorChanges
from reference_server.usecases.ports import OperatorChange
from tests.usecases.fakes import CREDENTIALS, Gateway, settle
from tests.usecases.test_operator_changes import FakeAudit

KEY, OTHER_KEY = "nk_tonpo_" + "k" * 43, "nk_tonpo_" + "l" * 43


class FakeNodes:
    """Stored nodes, over the accounts and tokens of a gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self.accounts = gateway.accounts
        self.keys: dict[str, bytes] = {}
        self.entries: list[AuditEntry] = []
        self.failure: Exception | None = None

    async def enrol(self, token: bytes, key: bytes, make_entry: MakeEntry) -> Enrolled | None:
        account_id = next((one for one, kept in self.accounts.tokens.items() if kept == token), None)
        if account_id is None or self.keys.get(account_id, key) != key:
            return None
        account = self.accounts.rows[account_id]
        is_new = account_id not in self.keys and account.state is not AccountState.LOGIN_FAILED
        if is_new:
            self.keys[account_id] = key
            self.entries.append(make_entry(account))
        return Enrolled(account, is_new)

    async def by_key(self, key: bytes) -> Account | None:
        if self.failure is not None:
            raise self.failure
        return next((self.accounts.rows[one] for one, kept in self.keys.items() if kept == key), None)

    async def has_node(self, account_id: str) -> bool:
        return account_id in self.keys

    async def account(self, account_id: str) -> Account | None:
        return self.accounts.rows.get(account_id)


class FakeLink:
    def __init__(self) -> None:
        self.lost: list[str] = []

    def receive(self, message: str | bytes) -> None:
        raise AssertionError(message)

    def lose(self, reason: str) -> None:
        self.lost.append(reason)


class FakeLinks:
    """Connections that remember how they were ended."""

    def __init__(self) -> None:
        self.attached: list[str] = []
        self.ended: list[tuple[str, NodeEnd]] = []

    @property
    def connected(self) -> int:
        return len(self.attached) - len(self.ended)

    def attach(self, account_id: str, channel: NodeChannel) -> FakeLink:
        self.attached.append(account_id)
        return FakeLink()

    def disconnect(self, account_id: str, end: NodeEnd) -> None:
        self.ended.append((account_id, end))

    def disconnect_all(self, end: NodeEnd) -> None:
        raise AssertionError(end)


class FakeChannel:
    def __init__(self) -> None:
        self.ends: list[NodeEnd] = []

    def send(self, message: str | bytes) -> bool:
        return True

    def close(self, end: NodeEnd) -> None:
        self.ends.append(end)


class Nodes:
    """The use cases over fakes, with one account that has no node yet."""

    def __init__(self, gateway: Gateway, *, is_open: bool = True) -> None:
        self.gateway = gateway
        self.stored = FakeNodes(gateway)
        self.links = FakeLinks()
        self.cases = NodeUseCases(
            self.stored, self.links, gateway.supervisor, gateway.limiter, gateway.clock, is_open=is_open
        )
        gateway.account_cases.on_deleted.append(self.cases.account_deleted)
        gateway.book.listen(self.cases.account_changed)

    async def account(self, user: User, credentials: Mt5Credentials = CREDENTIALS) -> tuple[Account, str]:
        account, token = await self.gateway.account_cases.create_account(user, credentials)
        await settle()
        return account, token

    async def come(self, claim: NodeClaim) -> FakeChannel:
        """What the endpoint does with an agent."""
        channel = FakeChannel()
        await self.cases.connect(await self.cases.admit(claim), claim, channel)
        await settle()
        return channel


@pytest.fixture
def nodes(gateway: Gateway) -> Nodes:
    return Nodes(gateway)


async def refusal(nodes: Nodes, claim: NodeClaim) -> GatewayError:
    with pytest.raises(GatewayError) as refused:
        await nodes.cases.admit(claim)
    return refused.value


async def test_the_token_is_kept_as_its_digest(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user)
    assert gateway.accounts.tokens[account.account_id] == digest_of(token)


async def test_a_node_takes_the_place_of_the_gateways_own_terminal(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user)
    (own,) = gateway.terminals.running
    await nodes.come(NodeClaim(KEY, token))
    assert own.closed
    assert len(gateway.terminals.opened) == 2
    assert nodes.links.attached == [account.account_id]
    assert gateway.state(account) is AccountState.ACTIVE
    (entry,) = nodes.stored.entries
    assert (entry.action, entry.actor, entry.subject) == (
        AuditAction.NODE_ENROLLED, user.user_id, account.account_id,
    )  # fmt: skip


async def test_a_node_that_comes_back_is_used_at_once_and_not_after_the_wait(
    gateway: Gateway, user: User, nodes: Nodes
) -> None:
    account, token = await nodes.account(user, Mt5Credentials("1", "secret", "Unreachable"))
    await gateway.clock.advance(600.0)
    assert gateway.state(account) is AccountState.DISCONNECTED
    attempts = gateway.terminals.attempts
    await nodes.come(NodeClaim(KEY, token))
    assert gateway.terminals.attempts == attempts + 1


async def test_what_is_unknown_used_or_deleted_is_refused_alike(gateway: Gateway, user: User, nodes: Nodes) -> None:
    _, token = await nodes.account(user)
    refused: list[int] = []
    nodes.cases.on_refused.append(lambda: refused.append(1))
    claims = [NodeClaim(KEY), NodeClaim(KEY, "x" * 43), NodeClaim(KEY, "short"), NodeClaim("nonsense", token)]
    told = [await refusal(nodes, claim) for claim in claims]
    await nodes.come(NodeClaim(KEY, token))
    told.append(await refusal(nodes, NodeClaim(OTHER_KEY, token)))
    told.append(await refusal(nodes, NodeClaim(OTHER_KEY)))
    assert {(type(one), one.message) for one in told} == {(NodeRefused, NodeRefused.sentence)}
    assert len(refused) == len(told)


async def test_the_same_key_may_enrol_again_and_later_comes_alone(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user)
    for claim in (NodeClaim(KEY, token), NodeClaim(KEY, token), NodeClaim(KEY)):
        await nodes.come(claim)
    assert nodes.links.attached == [account.account_id] * 3
    assert len(nodes.stored.entries) == 1
    assert len(gateway.terminals.running) == 1


async def test_an_account_that_the_broker_refused_gets_no_node(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user, Mt5Credentials("1", "invalid", "Demo"))
    assert gateway.state(account) is AccountState.LOGIN_FAILED
    assert isinstance(await refusal(nodes, NodeClaim(KEY, token)), AccountLoginFailed)
    assert nodes.stored.keys == {}


async def test_a_node_whose_login_is_refused_is_let_go(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user, Mt5Credentials("1", "secret", "Unreachable"))
    nodes.gateway.vault._kept[account.account_id.encode()] = Mt5Credentials("1", "invalid", "Demo")
    await nodes.come(NodeClaim(KEY, token))
    assert gateway.state(account) is AccountState.LOGIN_FAILED
    assert nodes.links.ended == [(account.account_id, NodeEnd.LOGIN_FAILED)]
    assert isinstance(await refusal(nodes, NodeClaim(KEY)), AccountLoginFailed)


async def test_deletion_ends_the_node_once_its_terminal_is_gone(gateway: Gateway, user: User, nodes: Nodes) -> None:
    account, token = await nodes.account(user)
    await nodes.come(NodeClaim(KEY, token))
    closed_before: list[bool] = []
    gateway.account_cases.on_deleted.insert(0, lambda _: closed_before.append(not gateway.terminals.running))
    await gateway.account_cases.delete_account(user, account.account_id)
    assert closed_before == [True]
    assert nodes.links.ended == [(account.account_id, NodeEnd.DELETED)]


async def test_a_node_that_is_removed_by_the_operator_gives_the_account_back(
    gateway: Gateway, user: User, nodes: Nodes
) -> None:
    account, token = await nodes.account(user)
    await nodes.come(NodeClaim(KEY, token))
    audit = FakeAudit()
    changes = OperatorChanges(audit, gateway.user_cases, nodes.cases.removed)
    del nodes.stored.keys[account.account_id]
    audit.changes.append(OperatorChange(1, AuditAction.NODE_REMOVED, account.account_id))
    await changes.look()
    await nodes.cases.close()
    await settle()
    assert nodes.links.ended == [(account.account_id, NodeEnd.REMOVED)]
    assert len(gateway.terminals.opened) == 3
    assert len(gateway.terminals.running) == 1
    assert gateway.state(account) is AccountState.ACTIVE


async def test_a_removal_that_is_seen_after_another_node_has_come_does_not_end_that_one(
    gateway: Gateway, user: User, nodes: Nodes
) -> None:
    account, token = await nodes.account(user)
    await nodes.come(NodeClaim(KEY, token))
    nodes.cases.removed(account.account_id)
    nodes.cases.removed("acc_of_nobody")
    await nodes.cases.close()
    await settle()
    assert nodes.links.ended == []
    assert gateway.state(account) is AccountState.ACTIVE


async def test_a_node_that_is_removed_while_it_comes_is_let_go(gateway: Gateway, user: User, nodes: Nodes) -> None:
    _, token = await nodes.account(user)
    claim, channel = NodeClaim(KEY, token), FakeChannel()
    admitted = await nodes.cases.admit(claim)
    nodes.stored.keys.clear()
    link = await nodes.cases.connect(admitted, claim, channel)
    assert channel.ends == [NodeEnd.REMOVED]
    assert isinstance(link, FakeLink)
    assert link.lost


async def test_a_node_that_comes_while_storage_is_away_is_told_to_come_again(
    gateway: Gateway, user: User, nodes: Nodes
) -> None:
    _, token = await nodes.account(user)
    claim, channel = NodeClaim(KEY, token), FakeChannel()
    admitted = await nodes.cases.admit(claim)
    nodes.stored.failure = StorageUnavailable()
    await nodes.cases.connect(admitted, claim, channel)
    assert channel.ends == [NodeEnd.NOT_NOW]


async def test_an_operator_can_take_no_new_nodes_and_keep_the_old(gateway: Gateway, user: User) -> None:
    nodes = Nodes(gateway, is_open=False)
    account, token = await nodes.account(user)
    assert isinstance(await refusal(nodes, NodeClaim(KEY, token)), EnrolmentClosed)
    nodes.stored.keys[account.account_id] = digest_of(KEY)
    await nodes.come(NodeClaim(KEY))
    assert nodes.links.attached == [account.account_id]


async def test_a_node_that_connects_again_and_again_is_slowed_down(gateway: Gateway, user: User, nodes: Nodes) -> None:
    _, token = await nodes.account(user)
    for _ in range(CONNECTIONS_PER_MINUTE):
        await nodes.cases.admit(NodeClaim(KEY, token))
    assert isinstance(await refusal(nodes, NodeClaim(KEY)), RequestRateExceeded)


def test_what_an_agent_shows_is_in_no_repr() -> None:
    assert "k" * 43 not in repr(NodeClaim(KEY, "t" * 43))
    assert "t" * 43 not in repr(NodeClaim(KEY, "t" * 43))
