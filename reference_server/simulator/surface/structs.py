"""Result types that behave like the genuine package's: read-only tuples with named fields, which cannot be pickled."""

from collections.abc import Sequence
from operator import itemgetter
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, SupportsIndex

from reference_server.simulator.surface.constants import FIELDS


class Struct(tuple[Any, ...]):
    """A tuple whose items are also attributes. Built from ONE sequence of exactly as many values as there are fields.

    There is no `_fields`, `_replace` or `_make`: the genuine types are no named tuples either.
    """

    __slots__ = ()
    n_fields: ClassVar[int] = 0
    n_sequence_fields: ClassVar[int] = 0
    n_unnamed_fields: ClassVar[int] = 0
    __match_args__: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __new__(cls, values: Sequence[Any]) -> Self:
        """Raises TypeError when `values` is no sequence or has another length."""
        built = super().__new__(cls, values)
        if len(built) != cls.n_fields:
            raise TypeError(f"{cls.__name__}() takes a {cls.n_fields}-sequence ({len(built)}-sequence given)")
        return built

    def _asdict(self) -> dict[str, Any]:
        return dict(zip(self.__match_args__, self, strict=True))

    def __repr__(self) -> str:
        pairs = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self, strict=True))
        return f"{type(self).__name__}({pairs})"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        name = type(self).__name__
        raise PicklingError(f"Can't pickle <class '{name}'>: attribute lookup {name} on builtins failed")


def _struct(name: str) -> type[Struct]:
    fields = FIELDS[name]
    namespace: dict[str, Any] = {field: property(itemgetter(index)) for index, field in enumerate(fields)}
    namespace |= {
        "__slots__": (),
        "__match_args__": fields,
        "n_fields": len(fields),
        "n_sequence_fields": len(fields),
    }
    return type(name, (Struct,), namespace)


AccountInfo = _struct("AccountInfo")
BookInfo = _struct("BookInfo")
OrderCheckResult = _struct("OrderCheckResult")
OrderSendResult = _struct("OrderSendResult")
SymbolInfo = _struct("SymbolInfo")
TerminalInfo = _struct("TerminalInfo")
Tick = _struct("Tick")
TradeDeal = _struct("TradeDeal")
TradeOrder = _struct("TradeOrder")
TradePosition = _struct("TradePosition")
TradeRequest = _struct("TradeRequest")

STRUCTS: tuple[type[Struct], ...] = (
    AccountInfo, BookInfo, OrderCheckResult, OrderSendResult, SymbolInfo, TerminalInfo,
    Tick, TradeDeal, TradeOrder, TradePosition, TradeRequest,
)  # fmt: skip
"""Every result type, in alphabetical order."""
