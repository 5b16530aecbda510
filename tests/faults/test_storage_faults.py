"""Databases that are locked from outside, and files that may not grow: to a process, that is a disk that is full.

RLIMIT_FSIZE stands for the full disk: a write beyond it fails with EFBIG where a full disk gives ENOSPC, and SQLite
treats both as a failed write. It holds for the gateway's process alone.
"""

from __future__ import annotations

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.trials.model import Account
from tests.trials.processes import until
from tests.trials.steps import market
from tests.trials.trial import Trial
from tests.trials.wire import Reply

NO_LIMIT = resource.RLIM_INFINITY


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold SQLite's write lock from outside."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as intruder:
        intruder.execute("BEGIN IMMEDIATE")
        yield
        intruder.execute("ROLLBACK")


@contextmanager
def full(trial: Trial) -> Iterator[None]:
    """No file of the gateway's process can be written beyond its first bytes."""
    assert trial.gateway.pid is not None
    resource.prlimit(trial.gateway.pid, resource.RLIMIT_FSIZE, (1, NO_LIMIT))
    try:
        yield
    finally:
        resource.prlimit(trial.gateway.pid, resource.RLIMIT_FSIZE, (NO_LIMIT, NO_LIMIT))


def order(trial: Trial, account: Account) -> Reply:
    reply = trial.send(trial.request(account, "placeOrder", market("buy", 0.1)))
    assert reply is not None
    return reply


def opened(trial: Trial, account: Account) -> int:
    reply = order(trial, account)
    assert reply.json["success"], reply
    return int(reply.json["ticket"])


def assert_nothing_was_done(reply: Reply) -> None:
    assert (reply.status, reply.reason) == (503, "storage_unavailable")
    assert "nothing was done" in reply.json["error"]
    assert int(reply.headers["retry-after"]) >= 1


def test_while_the_journal_is_locked_orders_are_refused_and_the_rest_works(
    trial: Trial, account: Account, data_dir: Path
) -> None:
    with locked(data_dir / "journal.db"):
        assert_nothing_was_done(order(trial, account))
        shown = trial.wire("listPositions", api_key=account.user.key, account=account.account_id)
        assert shown is not None
        assert shown.status == 200
        kept = trial.world.sent[-1]
    again = trial.send(kept)
    assert again is not None
    assert (again.status, again.json["success"], again.is_replayed) == (200, True, False)


def test_while_the_main_database_is_locked_orders_go_on_and_changes_of_users_are_refused(
    trial: Trial, account: Account, data_dir: Path
) -> None:
    with locked(data_dir / "tonpo.db"):
        opened(trial, account)
        refused = trial.wire("createUser", {})
        assert refused is not None
        assert (refused.status, refused.reason) == (503, "storage_unavailable")
        paused = trial.wire("pauseAccount", api_key=account.user.key, account_id=account.account_id)
        assert paused is not None
        assert (paused.status, paused.reason) == (503, "storage_unavailable")
    made = trial.wire("createUser", {})
    assert made is not None
    assert made.status == 201


def test_an_account_whose_state_cannot_be_stored_is_connected_again_when_it_can(
    trial: Trial, account: Account, data_dir: Path
) -> None:
    with locked(data_dir / "tonpo.db"):
        trial.fault("crash", login=account.login, when="before", process="client")
        assert order(trial, account).status == 504  # its terminal ends in it
        assert order(trial, account).reason == "account_not_ready"
    trial.wait_until_active(account)
    until(lambda: order(trial, account).status == 200, "an order")


def test_while_files_may_not_grow_orders_are_refused_and_the_rest_works(trial: Trial, account: Account) -> None:
    with full(trial):
        for _ in range(2):
            assert_nothing_was_done(order(trial, account))
        kept = trial.world.sent[-1]
        shown = trial.wire("listPositions", api_key=account.user.key, account=account.account_id)
        assert shown is not None
        assert shown.status == 200
        refused = trial.wire("createUser", {})
        assert refused is not None
        assert (refused.status, refused.reason) == (503, "storage_unavailable")
    again = trial.send(kept)
    assert again is not None
    assert (again.status, again.json["success"], again.is_replayed) == (200, True, False)
    made = trial.wire("createUser", {})
    assert made is not None
    assert made.status == 201


def test_an_order_whose_outcome_cannot_be_written_is_told_truthfully_and_not_executed_again(
    trial: Trial, account: Account
) -> None:
    """The files stop growing while the broker executes; then the gateway is killed before it could write."""
    trial.fault("delay", ms=1000, when="after", login=account.login)
    sent = trial.request(account, "placeOrder", market("buy", 0.1))
    trial.send_aside(sent)
    until(lambda: any(fault["used"] for fault in trial.broker.control.faults()), "the broker's delay")
    with full(trial):
        trial.wait_for_all()
        again = trial.send(sent)
        assert again is not None
        assert (again.status, again.json["success"], again.is_replayed) == (200, True, True)
        trial.gateway.kill()
        trial.gateway.pid = None
        trial.gateway.start()
    trial.wait_until_active(account)
    until(lambda: _outcome(trial, sent.key) == "accepted", "what became of the order")
    after = trial.send(sent)
    assert after is not None
    assert (after.status, after.is_replayed, after.json["ticket"]) == (200, True, again.json["ticket"])


def _outcome(trial: Trial, key: str | None) -> str:
    (user,) = trial.world.users
    told = trial.wire("getOrderRequest", api_key=user.key, key=key)
    assert told is not None
    return str(told.json.get("outcome"))
