"""A case made again from its name, to be looked at: the same bytes, but for keys and identifiers that were issued."""

from __future__ import annotations

from itertools import count

from benchmarks.fuzzing.cases import HttpCase, MessageCase, RawCase
from benchmarks.fuzzing.cast import Cast, User
from benchmarks.fuzzing.contracted import read_contract
from benchmarks.fuzzing.frame_cases import FrameCases
from benchmarks.fuzzing.http_cases import HttpCases
from benchmarks.fuzzing.message_cases import MessageCases
from benchmarks.fuzzing.raw_cases import RawCases
from benchmarks.fuzzing.stage import ACCOUNTS


def case_of(name: str) -> HttpCase | RawCase | MessageCase:
    """Make the case that a finding names, as `http:1:476`. Raises ValueError for what is no name."""
    kind, seed, index = name.split(":")
    numbers = count()
    users = {  # as long as what is issued, so that bytes are changed in the same places
        user: User(
            user, f"sk_live_tonpo_{'0' * 36}", f"usr_{user}", [f"acc_{next(numbers):026}" for _ in range(accounts)]
        )
        for user, accounts in ACCOUNTS.items()
    }
    scratch, spinner, witness = (users.pop(one) for one in ("scratch", "spinner", "witness"))
    cast = Cast(tuple(users.values()), scratch, spinner, witness)
    contracted = read_contract()
    http = HttpCases(contracted, cast, int(seed))
    messages = MessageCases(contracted, http.sampler, int(seed))
    match kind:
        case "http":
            return http.make(int(index))
        case "raw_http":
            return RawCases(http, int(seed)).make(int(index))
        case "message":
            return messages.make(int(index))
        case "raw_socket":
            return FrameCases(messages, cast, int(seed)).make(int(index))
        case _:
            raise ValueError(f"there is no kind {kind}")
