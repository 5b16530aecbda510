"""The three kinds of function that the genuine module has, told apart by the arguments they take."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, TypeVar

from reference_server.simulator.calls.call_site import hands_on_keywords
from reference_server.simulator.surface.outcome import SUCCESS, Failed, FailedLate, system_error

if TYPE_CHECKING:
    from reference_server.simulator.calls.connection import ConnectionCalls

MODULE = "MetaTrader5._core"
"""Where the genuine package's functions live."""

Self = TypeVar("Self", bound="ConnectionCalls")
Function = Callable[..., Any]


def _failed(self: "ConnectionCalls", name: str, failed: Failed, failure: Any) -> Any:
    self.error = failed.error
    if failed.cause is not None:
        raise system_error(name, failed.cause)
    return failure


def _failed_late(self: "ConnectionCalls", name: str, late: FailedLate) -> SystemError:
    """The call reaches the terminal all the same; whatever it does there, SystemError is what comes of it."""
    try:
        self._connected()
    except Failed as failed:
        self.error = failed.error
    return system_error(name, late.cause)


def named(function: Function) -> Function:
    """Let a function say that it belongs to the package."""
    function.__module__ = MODULE
    return function


def positional(failure: Any) -> Callable[[Callable[Concatenate[Self, ...], Any]], Function]:
    """Make a module function that takes no keywords and returns `failure` when it fails."""

    def decorate(function: Callable[Concatenate[Self, ...], Any]) -> Function:
        name = function.__name__

        @named
        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            if keywords:
                raise TypeError(f"{name}() takes no keyword arguments")
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self, *args)
            except Failed as failed:
                return _failed(self, name, failed, failure)
            except FailedLate as late:
                raise _failed_late(self, name, late) from late.cause

        return call

    return decorate


def bare(failure: Any) -> Callable[[Callable[[Self], Any]], Function]:
    """Make a module function without arguments."""

    def decorate(function: Callable[[Self], Any]) -> Function:
        name = function.__name__

        @named
        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            if args or keywords:
                raise unexpected(name, len(args), keywords)
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self)
            except Failed as failed:
                return _failed(self, name, failed, failure)

        return call

    return decorate


def unexpected(name: str, count: int, keywords: dict[str, Any]) -> TypeError:
    """What a function without arguments raises when it is given some."""
    kind = "no keyword arguments" if keywords else f"no arguments ({count} given)"
    return TypeError(f"{MODULE}.{name}() takes {kind}")


def keyworded(failure: Any) -> Callable[[Callable[Concatenate[Self, ...], Any]], Function]:
    """Make a module function that takes keywords and checks its positional arguments itself."""

    def decorate(function: Callable[Concatenate[Self, ...], Any]) -> Function:
        name = function.__name__

        @named
        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self, args, keywords)
            except Failed as failed:
                return _failed(self, name, failed, failure)
            except FailedLate as late:
                raise _failed_late(self, name, late) from late.cause

        return call

    return decorate


def requesting(function: Callable[Concatenate[Self, ...], Any]) -> Function:
    """Make a module function that takes one dict or keywords, and returns None when it fails.

    A dict beside keywords is refused, even when there are none: `f(request, **{})` fails, and so does every wrapper
    that hands on `**keywords`, such as a thread pool's `submit(order_send, request)`. `f(**{})` is a request without
    fields.
    """
    name = function.__name__

    @named
    @wraps(function)
    def call(self: Self, *args: Any, **keywords: Any) -> Any:
        self.error = SUCCESS
        if not keywords and hands_on_keywords(sys._getframe(1)):
            if args:
                self.error = (-2, "Unnamed arguments not allowed")
                return None
            args = ({},)
        try:
            with self.broker.lock:
                return function(self, args, keywords)
        except Failed as failed:
            return _failed(self, name, failed, None)

    return call
