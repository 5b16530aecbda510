"""Whether a call was written with `**keywords`, as seen in the bytecode of the caller.

The genuine module's functions receive no keyword dict from `f(x)` and an empty one from `f(x, **{})`, and some tell the
two apart. A Python function receives an empty dict from both, so it has to look at the instruction that called it.
"""

import dis
import functools
import sys
from types import FrameType
from typing import Any, Final

_CALL: Final = dis.opmap["CALL_FUNCTION_EX"]
_HAS_NO_FLAG: Final = sys.version_info >= (3, 14)  # there, the instruction before it pushes the keywords, or nothing
_PUSH_NULL: Final = dis.opmap.get("PUSH_NULL", -1)
_LOADS_NAME: Final = ("LOAD_FAST", "LOAD_NAME", "LOAD_GLOBAL", "LOAD_DEREF")
_OWN: Final = "reference_server.simulator."
_OURS: Final = (_OWN, "MetaTrader5")
_UNKNOWN: Final = object()


def hands_on_keywords(frame: FrameType | None) -> bool:
    """Whether the frame calls the module with `**keywords`, empty or not.

    Frames of the simulator itself, which forward calls, are passed over. A frame may also be at such a call of
    something else, written in C, that calls the module in its own way, as `context.run(*args, **keywords)` does. What
    cannot be looked up counts as the module.
    """
    while frame is not None:
        code, at = frame.f_code.co_code, frame.f_lasti
        if at < 0 or code[at] != _CALL or not _has_keywords(code, at):
            return False
        if not frame.f_globals.get("__name__", "").startswith(_OWN):
            return _is_ours(_called(frame))
        frame = frame.f_back
    return False


def _has_keywords(code: bytes, at: int) -> bool:
    return code[at - 2] != _PUSH_NULL if _HAS_NO_FLAG else bool(code[at + 1] & 1)


def _is_ours(called: Any) -> bool:
    while isinstance(called, functools.partial):
        called = called.func
    return called is _UNKNOWN or str(getattr(called, "__module__", "")).startswith(_OURS)


def _called(frame: FrameType) -> Any:
    """The object that the frame calls, if a name or a path of attributes says it."""
    instructions = [found for found in dis.get_instructions(frame.f_code) if found.opname != "CACHE"]
    end = next(index for index, found in enumerate(instructions) if found.offset == frame.f_lasti)
    for _ in ("keywords", "arguments"):
        end = _start_of_value(instructions, end)
    if end > 0 and instructions[end - 1].opname == "PUSH_NULL":
        end -= 1
    path = instructions[_start_of_value(instructions, end) : end]
    if not path or not all(found.opname == "LOAD_ATTR" for found in path[1:]):
        return _UNKNOWN
    name = path[0].argval
    if not path[0].opname.startswith(_LOADS_NAME) or not isinstance(name, str):
        return _UNKNOWN
    for names in (frame.f_locals, frame.f_globals, frame.f_builtins):
        if name in names:
            return _at_path(names[name], [str(found.argval) for found in path[1:]])
    return _UNKNOWN


def _at_path(value: Any, attributes: list[str]) -> Any:
    try:
        return functools.reduce(getattr, attributes, value)
    except Exception:  # an attribute may be computed by anything
        return _UNKNOWN


def _start_of_value(instructions: list[dis.Instruction], end: int) -> int:
    """Index of the first instruction of those before `end` that together leave one value on the stack."""
    depth = 0
    for index in range(end - 1, -1, -1):
        found = instructions[index]
        depth += dis.stack_effect(found.opcode, found.arg, jump=False)
        if depth == 1:
            return index
    return 0
