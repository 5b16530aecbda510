"""The trade server: checks a request, carries it out, and answers with a result."""

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import ENTRY_OUT_BY, FILLED, Ledger
from reference_server.simulator.book.money import lots
from reference_server.simulator.book.records import EXPERT, Order
from reference_server.simulator.market.market import Market
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import OrderCheckResult, OrderSendResult, Struct
from reference_server.simulator.trading import retcodes as code
from reference_server.simulator.trading.checks import server_verdict, terminal_verdict
from reference_server.simulator.trading.limits import margin_after
from reference_server.simulator.trading.matching import Matching
from reference_server.simulator.trading.proposal import CLOSE_BY, DEAL, MODIFY, PENDING, REMOVE, SLTP, Proposal, propose

CANCELED = CONSTANTS["ORDER_STATE_CANCELED"]
CLOSE_BY_TYPE = CONSTANTS["ORDER_TYPE_CLOSE_BY"]

Outcome = tuple[int, int, int, float, float]
"""Return code, deal, order, volume, price."""


class TradeServer:
    """Carries out trade requests on the book. `requests` counts those that reached it."""

    def __init__(self, market: Market, ledger: Ledger, matching: Matching) -> None:
        self._market = market
        self._ledger = ledger
        self._matching = matching
        self.requests = 0
        self._actions = {
            DEAL: self._deal,
            PENDING: self._place,
            SLTP: self._set_stops,
            MODIFY: self._modify,
            REMOVE: self._remove,
            CLOSE_BY: self._close_by,
        }

    def refusal(self, request: Struct, verdict: int, *, request_id: int = 0) -> Struct:
        """A result that says no; a requote carries the fresh prices."""
        quote = self._market.quotes.get(request.symbol) if verdict == code.REQUOTE else None
        bid, ask = (quote.bid, quote.ask) if quote else (0.0, 0.0)
        return tuple.__new__(
            OrderSendResult, (verdict, 0, 0, 0.0, 0.0, bid, ask, code.COMMENTS[verdict], request_id, 0, request)
        )

    def send(self, account: Account, request: Struct, *, read_only: bool = False, reason: int = EXPERT) -> Struct:
        """Check and carry out a request. `read_only`: the terminal is logged in with the investor's password.

        `reason` is what the order and its deals give as theirs: a program, or a person at the terminal.
        """
        proposal = propose(account, request, self._market, self._ledger, is_read_only=read_only)
        proposal.reason = reason
        verdict = terminal_verdict(proposal)
        if verdict:
            return self.refusal(request, verdict)
        self.requests += 1
        verdict = server_verdict(proposal)
        if verdict:
            return self.refusal(request, verdict, request_id=self.requests)
        verdict, deal, order, volume, price = self._actions[proposal.action](proposal)
        quote = proposal.quote if proposal.action == DEAL else None
        bid, ask = (quote.bid, quote.ask) if quote else (0.0, 0.0)
        return tuple.__new__(
            OrderSendResult,
            (verdict, deal, order, volume, price, bid, ask, code.COMMENTS[verdict], self.requests, 0, request),
        )

    def check(self, account: Account, request: Struct) -> Struct:
        """What `order_check` answers: the terminal's verdict and the account as it would be afterwards.

        Margin is added; a reduction by hedging or closing is not taken into account.
        """
        p = propose(account, request, self._market, self._ledger)
        verdict = terminal_verdict(p)
        margin = self._margin_with(p)
        equity = account.equity
        level = equity / margin * 100 if margin else 0.0
        return tuple.__new__(
            OrderCheckResult,
            (
                verdict, account.balance, equity, account.floating, margin, account.money(equity - margin), level,
                code.COMMENTS[verdict], request,
            ),
        )  # fmt: skip

    def _margin_with(self, p: Proposal) -> float:
        present = p.account.margin
        if p.symbol is None or p.quote is None or not p.opens or not p.has_price:
            return present
        price = p.opening_price
        try:
            after = margin_after(p.account, self._ledger, p.symbol, is_buy=p.is_buy, volume=p.volume, price=price)
        except LookupError:
            return present
        return max(present, after)

    def _order(self, p: Proposal) -> Order:
        assert p.symbol is not None
        request = p.request
        digits = p.symbol.digits
        volume = lots(p.volume)
        return Order(
            ticket=self._ledger.order_ticket(), symbol=p.symbol.name, type=p.type, volume_initial=volume,
            volume_current=volume, price_open=_price(p.price, digits), setup_ms=self._market.now_ms,
            type_filling=request.type_filling, type_time=request.type_time, expiration=p.expiration,
            price_stoplimit=_price(p.stoplimit, digits), sl=_price(request.sl, digits),
            tp=_price(request.tp, digits), magic=request.magic, comment=request.comment, reason=p.reason,
        )  # fmt: skip

    def _deal(self, p: Proposal) -> Outcome:
        assert p.quote is not None
        order = self._order(p)
        price = p.quote.ask if p.is_buy else p.quote.bid
        order.price_open = order.price_current = price
        volume = order.volume_initial
        if p.position is not None and abs(volume - p.position.volume) < 1e-6:
            order.volume_current = p.position.volume
        if not p.quote.profile.liquidity:
            deal = self._ledger.fill(p.account, order, price, closes=p.position)
            return code.DONE, deal.ticket, order.ticket, volume, price
        part = self._matching.execute(p.account, order, p.quote, price, closes=p.position)
        if part is not None:
            verdict = code.DONE_PARTIAL if order.volume_current else code.DONE
            return verdict, part.ticket, order.ticket, part.volume, price
        waits = order.ticket in p.account.orders
        return code.PLACED if waits else code.REJECT, 0, order.ticket, 0.0, 0.0

    def _place(self, p: Proposal) -> Outcome:
        assert p.quote is not None
        order = self._order(p)
        order.price_current = p.quote.ask if order.is_buy else p.quote.bid
        order.margin = self._ledger.reserved_margin(p.account, order)
        p.account.add_order(order)
        if order.margin:
            self._ledger.total(p.account)
        return code.DONE, 0, order.ticket, order.volume_initial, 0.0

    def _set_stops(self, p: Proposal) -> Outcome:
        assert p.symbol is not None
        assert p.position is not None
        p.position.sl = round(p.request.sl, p.symbol.digits)
        p.position.tp = round(p.request.tp, p.symbol.digits)
        p.position.update_ms = self._market.now_ms
        return code.DONE, 0, 0, 0.0, 0.0

    def _modify(self, p: Proposal) -> Outcome:
        assert p.symbol is not None
        assert p.order is not None
        order, request, digits = p.order, p.request, p.symbol.digits
        order.price_open = round(request.price, digits)
        order.price_stoplimit = round(p.stoplimit, digits)
        order.sl, order.tp = round(request.sl, digits), round(request.tp, digits)
        order.type_time, order.expiration = request.type_time, p.expiration
        self._ledger.reserve_again(p.account, order)
        return code.DONE, 0, order.ticket, 0.0, order.price_open

    def _remove(self, p: Proposal) -> Outcome:
        assert p.order is not None
        p.account.remember(p.order, CANCELED, self._market.now_ms)
        self._ledger.revalue(p.account, p.order.symbol)
        return code.DONE, 0, p.order.ticket, 0.0, 0.0

    def _close_by(self, p: Proposal) -> Outcome:
        first, second = p.position, p.opposite
        assert first is not None
        assert second is not None
        volume = min(first.volume, second.volume)
        order = self._order(p)
        order.symbol, order.type = first.symbol, CLOSE_BY_TYPE
        order.volume_initial, order.volume_current = volume, 0.0
        order.position_id, order.position_by_id = first.identifier, second.identifier
        order.price_open = second.price_open
        deal = self._ledger.reduce(p.account, order, first, volume, second.price_open, entry=ENTRY_OUT_BY)
        self._ledger.reduce(p.account, order, second, volume, first.price_open, entry=ENTRY_OUT_BY, with_profit=False)
        p.account.remember(order, FILLED, self._market.now_ms)
        self._ledger.revalue(p.account, first.symbol)
        return code.DONE, deal.ticket, order.ticket, volume, second.price_open


def _price(given: float, digits: int) -> float:
    """A price as the book has it: most orders have none of most kinds, and rounding a zero costs as much as any."""
    return round(given, digits) if given else 0.0
