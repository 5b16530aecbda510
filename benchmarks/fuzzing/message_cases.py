"""Messages that know the contract of the stream, most of them with something wrong."""

from __future__ import annotations

from random import Random
from typing import Any, Final

from benchmarks.fuzzing.cases import MessageCase, name_of
from benchmarks.fuzzing.contracted import Contracted
from benchmarks.fuzzing.json_text import render
from benchmarks.fuzzing.values import Sampler

_SCHEMAS: Final = ("SubscribeMessage", "UnsubscribeMessage", "PingMessage", "GetPositionsMessage")
TEXT: Final = 1
BINARY: Final = 2


class MessageCases:
    """Makes messages, the same for the same seed and index."""

    def __init__(self, contracted: Contracted, sampler: Sampler, seed: int) -> None:
        self._schemas = [contracted.document["components"]["schemas"][name] for name in _SCHEMAS]
        self._sampler = sampler
        self._seed = seed

    def make(self, index: int) -> MessageCase:
        """Make one message."""
        name = name_of("message", self._seed, index)
        random = Random(name)
        schema = random.choice(self._schemas)
        if random.random() < 0.3:
            value: dict[str, Any] = self._sampler.valid(schema, random)
            value["request_id"] = f"m{index}"
            return MessageCase(name, TEXT, render(value, random), f"m{index}")
        payload = self._sampler.mutated(schema, random)
        return MessageCase(name, BINARY if random.random() < 0.03 else TEXT, payload, None)
