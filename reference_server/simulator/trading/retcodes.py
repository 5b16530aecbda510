"""What the trade server answers: return codes and the comment that goes with each."""

from collections.abc import Mapping
from types import MappingProxyType

from reference_server.simulator.surface.constants import CONSTANTS

OK = 0
REQUOTE = CONSTANTS["TRADE_RETCODE_REQUOTE"]
DONE = CONSTANTS["TRADE_RETCODE_DONE"]
INVALID = CONSTANTS["TRADE_RETCODE_INVALID"]
INVALID_VOLUME = CONSTANTS["TRADE_RETCODE_INVALID_VOLUME"]
INVALID_PRICE = CONSTANTS["TRADE_RETCODE_INVALID_PRICE"]
INVALID_STOPS = CONSTANTS["TRADE_RETCODE_INVALID_STOPS"]
TRADE_DISABLED = CONSTANTS["TRADE_RETCODE_TRADE_DISABLED"]
MARKET_CLOSED = CONSTANTS["TRADE_RETCODE_MARKET_CLOSED"]
NO_MONEY = CONSTANTS["TRADE_RETCODE_NO_MONEY"]
INVALID_EXPIRATION = CONSTANTS["TRADE_RETCODE_INVALID_EXPIRATION"]
NO_CHANGES = CONSTANTS["TRADE_RETCODE_NO_CHANGES"]
SERVER_DISABLES_AT = CONSTANTS["TRADE_RETCODE_SERVER_DISABLES_AT"]
CLIENT_DISABLES_AT = CONSTANTS["TRADE_RETCODE_CLIENT_DISABLES_AT"]
FROZEN = CONSTANTS["TRADE_RETCODE_FROZEN"]
INVALID_FILL = CONSTANTS["TRADE_RETCODE_INVALID_FILL"]
CONNECTION = CONSTANTS["TRADE_RETCODE_CONNECTION"]
LIMIT_ORDERS = CONSTANTS["TRADE_RETCODE_LIMIT_ORDERS"]
LIMIT_VOLUME = CONSTANTS["TRADE_RETCODE_LIMIT_VOLUME"]
INVALID_ORDER = CONSTANTS["TRADE_RETCODE_INVALID_ORDER"]
POSITION_CLOSED = CONSTANTS["TRADE_RETCODE_POSITION_CLOSED"]
INVALID_CLOSE_VOLUME = CONSTANTS["TRADE_RETCODE_INVALID_CLOSE_VOLUME"]
LONG_ONLY = CONSTANTS["TRADE_RETCODE_LONG_ONLY"]
SHORT_ONLY = CONSTANTS["TRADE_RETCODE_SHORT_ONLY"]
CLOSE_ONLY = CONSTANTS["TRADE_RETCODE_CLOSE_ONLY"]

COMMENTS: Mapping[int, str] = MappingProxyType(
    {
        OK: "Done",
        REQUOTE: "Requote",
        DONE: "Request executed",
        INVALID: "Invalid request",
        INVALID_VOLUME: "Invalid volume",
        INVALID_PRICE: "Invalid price",
        INVALID_STOPS: "Invalid stops",
        TRADE_DISABLED: "Trade disabled",
        MARKET_CLOSED: "Market closed",
        NO_MONEY: "No money",
        INVALID_EXPIRATION: "Invalid expiration",
        NO_CHANGES: "No changes",
        SERVER_DISABLES_AT: "AutoTrading disabled by server",
        CLIENT_DISABLES_AT: "AutoTrading disabled by client",
        FROZEN: "Order or position frozen",
        INVALID_FILL: "Unsupported filling mode",
        CONNECTION: "No connection",
        LIMIT_ORDERS: "Orders limit reached",
        LIMIT_VOLUME: "Volume limit reached",
        INVALID_ORDER: "Invalid order",
        POSITION_CLOSED: "Position closed",
        INVALID_CLOSE_VOLUME: "Invalid close volume",
        LONG_ONLY: "Only long positions allowed",
        SHORT_ONLY: "Only short positions allowed",
        CLOSE_ONLY: "Only position closing allowed",
    }
)
"""The comment of a result, by return code."""
