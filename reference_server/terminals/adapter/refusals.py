"""How a client is told no: with the limits that were broken where there are any."""

from __future__ import annotations

from reference_server.domain.trading import OrderResult
from reference_server.terminals.adapter import retcodes
from reference_server.terminals.adapter.constants import EXPIRATION_MASK_GTC, EXPIRATION_MASK_SPECIFIED
from reference_server.terminals.adapter.symbols import TradingRules


def refusal(retcode: int, symbol: TradingRules) -> OrderResult:
    """Make the result of a request in a symbol that was refused."""
    return OrderResult(ticket=0, success=False, retcode=retcode, error=refusal_sentence(retcode, symbol))


def refusal_sentence(retcode: int, symbol: TradingRules) -> str:
    """Say why a request in a symbol was refused."""
    error = retcodes.sentence_of(retcode)
    if retcode == retcodes.INVALID_VOLUME:
        return (
            f"Invalid volume: {symbol.name} takes {symbol.volume_min:g} to {symbol.volume_max:g} lots"
            f" in steps of {symbol.volume_step:g}."
        )
    if retcode == retcodes.INVALID_STOPS and symbol.stops_level:
        return f"{error} {symbol.name} needs a distance of at least {symbol.stops_level} points."
    if retcode == retcodes.INVALID_EXPIRATION:
        if not symbol.expiration_mask & EXPIRATION_MASK_SPECIFIED:
            error = f"{error} {symbol.name} takes no orders that expire at a moment of one's choice."
        if not symbol.expiration_mask & EXPIRATION_MASK_GTC:
            error = f"{error} {symbol.name} takes no orders without an expiration."
    return error
