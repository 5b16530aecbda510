"""Result types that behave like the genuine package's: read-only tuples with named fields, which cannot be pickled."""

from abc import ABC
from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from reference_server.simulator.surface.constants import FIELDS

_HIDDEN = frozenset(("__module__", "__slots__"))


class Struct(tuple[Any, ...], ABC):
    """A tuple whose items are also attributes; what every result type is, without being a base of it.

    Built from ONE sequence of exactly as many values as there are fields. There is no `_fields`, `_replace` or `_make`:
    the genuine types are no named tuples either. Quicker, and unchecked: `tuple.__new__(type, values)`.
    """

    n_fields: ClassVar[int]
    n_sequence_fields: ClassVar[int]
    n_unnamed_fields: ClassVar[int]
    __match_args__: ClassVar[tuple[str, ...]]

    if TYPE_CHECKING:

        def __new__(cls, sequence: Sequence[Any], dict: dict[str, Any] = ...) -> "Struct": ...

        def __getattr__(self, name: str) -> Any: ...

        def _asdict(self) -> dict[str, Any]: ...


_REQUIRED = object()


def _build(cls: type[Struct], *args: Any, **keywords: Any) -> Struct:
    given = len(args) + len(keywords)
    if given > 2:
        raise TypeError(f"structseq() takes at most 2 arguments ({given} given)")
    sequence, more = _arguments(*args, **keywords)
    if sequence is _REQUIRED:
        raise TypeError("structseq() missing required argument 'sequence' (pos 1)")
    try:
        values = tuple(sequence)
    except TypeError:
        raise TypeError("constructor requires a sequence") from None
    if not isinstance(more, dict):
        raise TypeError(f"{cls.__name__}() takes a dict as second arg, if any")
    if len(values) != cls.n_fields:
        raise TypeError(f"{cls.__name__}() takes a {cls.n_fields}-sequence ({len(values)}-sequence given)")
    return tuple.__new__(cls, values)


def _arguments(sequence: Any = _REQUIRED, dict: Any = {}) -> tuple[Any, Any]:  # noqa: B006 - the genuine names
    return sequence, dict


def _asdict(self: Struct, *args: Any, **keywords: Any) -> dict[str, Any]:
    """The fields by name; a field that is a struct stays one."""
    if args or keywords:
        kind = "no keyword arguments" if keywords else f"no arguments ({len(args)} given)"
        raise TypeError(f"{type(self).__name__}._asdict() takes {kind}")
    return dict(zip(self.__match_args__, self, strict=True))


def _repr(self: Struct) -> str:
    pairs = ", ".join(f"{name}={value!r}" for name, value in zip(self.__match_args__, self, strict=True))
    return f"{type(self).__name__}({pairs})"


def _reduce(self: Struct) -> tuple[type[Struct], tuple[tuple[Any, ...], dict[str, Any]]]:
    """For copying. Pickling looks the type up among the builtins, as the genuine ones claim, and fails."""
    return type(self), (tuple(self), {})


def _refuse(self: Struct, name: str, _value: Any = None) -> NoReturn:
    kind = type(self)
    if name in self.__match_args__:
        raise AttributeError("readonly attribute")
    if hasattr(kind, name):
        raise AttributeError(f"'{kind.__name__}' object attribute '{name}' is read-only")
    raise AttributeError(f"'{kind.__name__}' object has no attribute '{name}'")


def _dir(self: Struct) -> Iterable[str]:
    return [name for name in object.__dir__(self) if name not in _HIDDEN]


class _Sealed(type):
    """The type of the result types: they cannot be changed, nor derived from."""

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> "_Sealed":
        for base in bases:
            if isinstance(base, _Sealed):
                raise TypeError(f"type '{base.__name__}' is not an acceptable base type")
        made = super().__new__(mcs, name, bases, namespace)
        type.__delattr__(made, "__slots__")
        return made

    def __setattr__(cls, name: str, value: Any) -> NoReturn:
        raise TypeError(f"cannot set '{name}' attribute of immutable type '{cls.__name__}'")

    def __delattr__(cls, name: str) -> NoReturn:
        raise TypeError(f"cannot set '{name}' attribute of immutable type '{cls.__name__}'")


def _field(index: int) -> property:
    field = property(itemgetter(index))
    field.__doc__ = None
    return field


def _struct(name: str, doc: str) -> type[Struct]:
    fields = FIELDS[name]
    namespace: dict[str, Any] = {field: _field(index) for index, field in enumerate(fields)}
    namespace |= {
        "__slots__": (),
        "__module__": "builtins",
        "__doc__": doc,
        "__match_args__": fields,
        "n_fields": len(fields),
        "n_sequence_fields": len(fields),
        "n_unnamed_fields": 0,
        "__new__": _build,
        "__repr__": _repr,
        "__reduce__": _reduce,
        "__setattr__": _refuse,
        "__delattr__": _refuse,
        "__dir__": _dir,
        "_asdict": _asdict,
    }
    made = _Sealed(name, (tuple,), namespace)
    kind = cast(type[Struct], made)
    Struct.register(kind)
    return kind


AccountInfo = _struct("AccountInfo", "The account: its money and its settings.")
BookInfo = _struct("BookInfo", "One level of a depth of market.")
OrderCheckResult = _struct("OrderCheckResult", "What `order_check` answers.")
OrderSendResult = _struct("OrderSendResult", "What `order_send` answers.")
SymbolInfo = _struct("SymbolInfo", "Specification and present state of a symbol.")
TerminalInfo = _struct("TerminalInfo", "The terminal: its state and where it is.")
Tick = _struct("Tick", "The last prices of a symbol.")
TradeDeal = _struct("TradeDeal", "A deal of the history.")
TradeOrder = _struct("TradeOrder", "An order, active or of the history.")
TradePosition = _struct("TradePosition", "An open position.")
TradeRequest = _struct("TradeRequest", "What was asked of the trade server.")

STRUCTS: tuple[type[Struct], ...] = (
    AccountInfo, BookInfo, OrderCheckResult, OrderSendResult, SymbolInfo, TerminalInfo,
    Tick, TradeDeal, TradeOrder, TradePosition, TradeRequest,
)  # fmt: skip
"""Every result type, in alphabetical order."""
