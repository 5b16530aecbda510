"""What sockets told against the books: nothing of another's account, no number left out, and in the end the truth."""

from __future__ import annotations

from typing import Any

from tests.trials.judge import Books
from tests.trials.model import World
from tests.trials.sockets import ACCOUNT_EVENTS, Socket


def socket_complaints(books: Books, world: World, sockets: list[Socket], *, has_numbers: bool) -> list[str]:
    """Whatever is wrong with what the sockets told."""
    found: list[str] = []
    for number, socket in enumerate(sockets):
        name = f"s{number} of {socket.account.login}"
        found += [f"{name}: {problem}" for problem in socket.problems]
        foreign = socket.tickets() - books.tickets(socket.account)
        found += [f"{name}: told of ticket {ticket}, which its account never had" for ticket in foreign]
        other_accounts = {
            message["account_id"]
            for message in socket.messages
            if message["type"] == "accountStatus" and message["account_id"] != socket.account.account_id
        }
        found += [f"{name}: told of the account {other}" for other in other_accounts]
        if has_numbers:
            found += [f"{name}: {gap}" for gap in gaps(socket)]
    return found


def gaps(socket: Socket) -> list[str]:
    """Where a number is left out or repeated without a snapshot that says why."""
    found = []
    last = socket.since_seq
    for message in socket.messages:
        if message["type"] == "snapshot":
            last = message["seq"]
        elif message["type"] in ACCOUNT_EVENTS and "seq" in message:
            if last is not None and message["seq"] != last + 1:
                found.append(f"{message['seq']} follows {last}: {message}")
            last = message["seq"]
        elif message["type"] == "heartbeat" and last is not None and message["seq"] != last:
            found.append(f"a heartbeat says {message['seq']} after {last}")
    return found


def positions_told(chain: list[Socket]) -> dict[int, dict[str, Any]] | None:
    """The open positions as a client knows them that came back again and again with the last number that it had.

    None where it was never told where to begin.
    """
    known: dict[int, dict[str, Any]] | None = None
    for socket in chain:
        for message in socket.messages:
            if message["type"] == "snapshot":
                positions = message.get("positions")  # none where the terminal cannot be asked
                known = None if positions is None else {int(one["ticket"]): one for one in positions}
            elif message["type"] == "position" and known is not None:
                if message.get("event") == "closed" or message["volume"] == 0:
                    known.pop(int(message["ticket"]), None)
                else:
                    known[int(message["ticket"])] = message
    return known


def chain_complaints(books: Books, chain: list[Socket]) -> list[str]:
    """What the client of these sockets, one after the other, believes against what is so."""
    known = positions_told(chain)
    if known is None:
        return []
    account = chain[-1].account
    truth = {int(one["ticket"]): one for one in books.positions[account]}
    found = []
    if set(known) != set(truth):
        found.append(f"{account.login}: the stream leaves {sorted(known)} open, and {sorted(truth)} are")
    for ticket in set(known) & set(truth):
        told, real = known[ticket], truth[ticket]
        levels = (told.get("sl") or 0.0, told.get("tp") or 0.0)
        if abs(told["volume"] - real["volume"]) > 1e-9 or levels != (real["sl"], real["tp"]):
            found.append(f"{account.login}: the stream tells {told} of {ticket}, which is {real}")
    return found
