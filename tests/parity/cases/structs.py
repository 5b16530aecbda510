"""Cases on the record types."""

LENGTHS = {
    "AccountInfo": 28, "BookInfo": 4, "OrderCheckResult": 9, "OrderSendResult": 11, "SymbolInfo": 96,
    "TerminalInfo": 22, "Tick": 8, "TradeDeal": 18, "TradeOrder": 24, "TradePosition": 19, "TradeRequest": 17,
}  # fmt: skip
"""Every record type with its number of fields."""

TICK = "tick = mt5.Tick((1, 1.5, 1.6, 0.0, 0, 1000, 6, 0.0))\n"


def _of_type(name: str, length: int) -> tuple[str, ...]:
    build = f"item = mt5.{name}(range({length}))\n"
    return (
        f"mt5.{name}.__name__",
        f"mt5.{name}.__module__",
        f"mt5.{name}.__qualname__",
        f"repr(mt5.{name})",
        f"mt5.{name}.__mro__",
        f"mt5.{name}.__match_args__",
        f"(mt5.{name}.n_fields, mt5.{name}.n_sequence_fields, mt5.{name}.n_unnamed_fields)",
        f"mt5.{name}(range({length}))",
        f"mt5.{name}(range({length - 1}))",
        f"mt5.{name}(range({length + 1}))",
        f"{build}item._asdict()",
        f"{build}[getattr(item, name) for name in item.__match_args__]",
        f"{build}sorted(set(dir(item)) - set(dir(())))",
    )


STRUCTS: tuple[str, ...] = (
    *(case for name, length in LENGTHS.items() for case in _of_type(name, length)),
    "mt5.Tick()",
    "mt5.Tick(1, 2, 3, 4, 5, 6, 7, 8)",
    "mt5.Tick(1, 2)",
    "mt5.Tick(5)",
    "mt5.Tick(None)",
    "mt5.Tick(1.5)",
    "mt5.Tick('abcdefgh')",
    "mt5.Tick(iter(range(8)))",
    "mt5.Tick({1: 2})",
    "mt5.Tick([1] * 8, {})",
    "mt5.Tick([1] * 8, {'volume_real': 3})",
    "mt5.Tick([1] * 7, {'volume_real': 3})",
    "mt5.Tick([1] * 8, None)",
    "mt5.Tick([1] * 8, dict={})",
    "mt5.Tick([1] * 8, 5)",
    "mt5.Tick(sequence=[1] * 8)",
    "mt5.Tick(range(8)) == tuple(range(8))",
    "mt5.Tick(mt5.BookInfo((1, 2, 3, 4)))",
    "mt5.OrderSendResult([0] * 10 + [mt5.TradeRequest([0] * 17)])",
    "type(mt5.OrderSendResult([0] * 10 + [mt5.TradeRequest([0] * 17)])._asdict()['request']).__name__",
    "type(mt5.OrderCheckResult([0] * 8 + [mt5.TradeRequest([0] * 17)])._asdict()['request']).__name__",
    *(
        TICK + expression
        for expression in (
            "tick", "repr(tick)", "str(tick)", "f'{tick}'", "f'{tick:>3}'", "tick.bid", "tick[1]", "tick[-1]",
            "tick[8]", "tick[:2]", "type(tick[:2])", "type(tick + ())", "type(tick * 1)", "tick + (1,)", "len(tick)",
            "list(tick)", "bool(tick)", "1.5 in tick", "tick.index(1.5)", "tick.count(1)", "tick == tuple(tick)",
            "tick != tuple(tick)", "tick < (2,)", "hash(tick) == hash(tuple(tick))", "tick is mt5.Tick(tick)",
            "mt5.Tick(tick) == tick", "sorted([tick, tick])", "dict([(tick, 1)])[tuple(tick)]",
            "isinstance(tick, tuple)", "isinstance(tick, mt5.Tick)", "isinstance(tick, mt5.BookInfo)",
            "issubclass(mt5.Tick, tuple)", "type(tick) is mt5.Tick", "tick.__class__", "type(tick) is tuple",
            "tick._asdict()", "tick._asdict(1)", "type(tick._asdict())", "callable(tick._asdict)", "tick._fields",
            "tick._replace(bid=1.0)", "mt5.Tick._make([1] * 8)", "tick.foo", "hasattr(tick, '_fields')",
            "hasattr(tick, '_replace')", "hasattr(tick, '_field_defaults')", "hasattr(tick, '__dict__')",
            "hasattr(tick, '__slots__')", "hasattr(tick, '__weakref__')", "setattr(tick, 'bid', 1.0)",
            "setattr(tick, 'x', 1)", "delattr(tick, 'bid')", "delattr(tick, 'x')", "tick.__setitem__",
            "vars(tick)", "tick.__dict__", "weakref.ref(tick)", "copy.copy(tick)", "copy.copy(tick) is tick",
            "copy.copy(tick) == tick", "copy.deepcopy(tick)", "copy.deepcopy(tick) is tick", "type(copy.copy(tick))",
            "pickle.dumps(tick)", "pickle.dumps(tick, 0)", "pickle.dumps(tick, 2)", "pickle.dumps([tick])",
            "pickle.dumps(tick._asdict()) is not None", "pickle.dumps(mt5.Tick)", "tick.__reduce__()",
            "tick.__reduce_ex__(2)", "tick.__reduce_ex__(4)", "tick.__getnewargs__()", "tick.__sizeof__()",
            "json.dumps(tick)", "json.dumps(tick._asdict())", "json.dumps({'tick': tick})", "'%d %s' % tick[:2]",
            "dict(zip(tick.__match_args__, tick))", "mt5.Tick.bid.__get__(tick)", "mt5.Tick.bid.__doc__",
            "type(mt5.Tick.bid).__name__", "mt5.Tick.__doc__ is None",
            "type('Mine', (mt5.Tick,), {})", "setattr(mt5.Tick, 'x', 1)", "delattr(mt5.Tick, 'bid')",
            "mt5.Tick[int]", "mt5.Tick.__subclasses__()", "mt5.Tick.__bases__", "mt5.Tick.__base__",
            "mt5.Tick.__basicsize__", "mt5.Tick.__itemsize__", "'_asdict' in vars(mt5.Tick)",
            "a, b, *rest = tick\nrest",
            "match tick:\n    case mt5.Tick(time, bid):\n        found = (time, bid)\nfound",
            "match tick:\n    case (first, *_):\n        found = first\nfound",
            "np.array(tick).shape", "np.array([tick, tick]).shape", "max(tick)", "any(tick)", "sum(tick)",
            "tick.n_fields", "tuple(tick) == tick", "{**tick._asdict()}['ask']", "[*tick]",
            "copy.copy(tick)._asdict() == tick._asdict()", "tick.__eq__((1,))", "tick <= tick", "tick > (0,)",
        )
    ),
)  # fmt: skip
"""How records are built, shown, compared, copied, protected."""
