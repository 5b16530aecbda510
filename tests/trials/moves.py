"""How moves are chosen: by weight, each with its arguments."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.trials.hands import KINDS
from tests.trials.processes import THIN_SYMBOL
from tests.trials.steps import FAULTS

Move = tuple[str, dict[str, Any]]

_which = st.integers(0, 999)
_sides = st.sampled_from(("buy", "sell"))
_either = st.booleans()
_mostly = st.sampled_from((True, True, True, False))
_symbols = st.sampled_from(("EURUSD", "EURUSD", "EURUSD", THIN_SYMBOL))
_kinds = st.sampled_from(tuple(KINDS))
_levels = {"which": _which, "down": st.integers(10, 60), "up": st.integers(10, 60), "removes": _either}

_CHOICES: tuple[tuple[int, str, dict[str, st.SearchStrategy[Any]]], ...] = (
    (6, "market_order", {
        "which": _which, "side": _sides, "volume": st.sampled_from((0.1, 0.2, 0.3)), "symbol": _symbols,
        "magic": st.sampled_from((0, 0, 77)), "is_keyed": _mostly, "waits": _either,
    }),
    (3, "pending_order", {
        "which": _which, "kind": _kinds, "side": _sides, "distance": st.integers(5, 40), "symbol": _symbols,
        "is_keyed": _mostly,
    }),
    (2, "the_same_key_at_once", {"which": _which}),
    (3, "repeat", {"which": _which}),
    (1, "another_body_under_a_used_key", {"which": _which}),
    (3, "close_position", {
        "which": _which, "volume": st.sampled_from((None, 0.03, 0.04, 0.05)), "is_keyed": _mostly, "waits": _either,
    }),
    (2, "close_twice_at_once", {"which": _which}),
    (2, "change_levels", _levels),
    (1, "move_pending_order", {"which": _which, "distance": st.integers(5, 40)}),
    (1, "cancel_pending_order", {"which": _which, "is_keyed": _mostly}),
    (3, "trade_by_hand", {
        "which": _which, "side": _sides, "volume": st.sampled_from((0.1, 0.2, 0.3)), "symbol": _symbols,
        "mimics": _either,
    }),
    (2, "close_by_hand", {"which": _which, "volume": st.sampled_from((None, 0.03, 0.05))}),
    (1, "close_opposites_by_hand", {"which": _which, "volume": st.sampled_from((0.05, 0.1, 0.2))}),
    (1, "change_levels_by_hand", _levels),
    (1, "pending_by_hand", {
        "which": _which, "kind": _kinds, "side": _sides, "distance": st.integers(5, 40), "symbol": _symbols,
    }),
    (1, "move_pending_by_hand", {"which": _which, "distance": st.integers(5, 40)}),
    (1, "cancel_by_hand", {"which": _which}),
    (4, "move_prices", {"by": st.integers(-40, 40)}),
    (8, "something_goes_wrong", {"which": _which, "kind": st.integers(0, len(FAULTS) - 1)}),
    (1, "all_is_well", {}),
    (2, "leave_and_come_back", {"which": _which}),
    (3, "kill_the_gateway", {
        "orders": st.integers(0, 3), "which": _which, "after_ms": st.sampled_from((0, 5, 15, 50, 200)),
        "waits": _mostly,
    }),
    (1, "wait_for_all", {}),
    (1, "pause_and_resume", {"which": _which}),
    (1, "rotate_key", {"which": _which}),
    (1, "add_account", {"which": _which}),
    (1, "delete_account", {"which": _which}),
)  # fmt: skip


def moves() -> st.SearchStrategy[Move]:
    """Any move with any arguments."""
    return st.one_of(
        [
            st.tuples(st.just(name), st.fixed_dictionaries(arguments))
            for weight, name, arguments in _CHOICES
            for _ in range(weight)
        ]
    )
