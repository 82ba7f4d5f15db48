"""What a hostile sandbox might send: honest messages, and honest ones that were tampered with."""

from __future__ import annotations

import json
import random
from typing import Any

from rlm_runtime._values import encode
from tests.calls import REJECTED
from tests.pipes import frame

ODD: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"-0",
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 4000,
    b"9" * 5000,
    b"1.5",
    b'""',
    rb'"\ud800"',
    rb'"\u0000"',
    b'"' + b"x" * 700_000 + b'"',
    b"[]",
    b"{}",
    b'{"$":"int","v":"f"}',
    b"[" * 300 + b"]" * 300,
    b"[" * 50_000 + b"]" * 50_000,
    b'{"":' * 2000 + b"1" + b"}" * 2000,
    b"[" + b"[]," * 50_000 + b"0]",
    b"\xff",
    b"{",
)
"""JSON, or nearly, of every odd shape."""

_TEXTS = ("", "x", "é\n", "\U0001f600" * 50, "[1, 2", "x" * 3000)


class Forger:
    """Makes messages by chance, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0

    def honest(self) -> bytes:
        """Make what a sandbox may send at any time."""
        return frame(*self._message())

    def tampered(self) -> bytes:
        """Make a message, and break it in one way of many."""
        message, data = self._message()
        way = self._random.choice([self._odd_member, self._other_member, self._bytes, self._data])
        return way(message, data)

    def _message(self) -> tuple[dict[str, Any], bytes | None]:
        self._number += 1
        match self._random.randrange(6):
            case 0 | 1:
                stream = self._random.choice(["stdout", "stderr"])
                params = {"stream": stream, "text": self._random.choice(_TEXTS), "omitted": 0}
                return self._envelope("output", params), None
            case 2:
                return self._envelope("cancel", {"id": self._random.randrange(500)}), None
            case 3:
                return self._envelope("limits", {}) | {"id": self._number}, None
            case 4:
                return self._asked("final", "value", {}), encode(REJECTED)
        params = {"model": None, "recursive": self._random.choice([None, True, False])}
        params["answer_schema"] = self._random.choice([None, '{"type": "string"}', "{"])
        return self._asked("llm_query", "call", params), encode(["p", self._value(3)])

    def _asked(self, method: str, at: str, params: dict[str, Any]) -> dict[str, Any]:
        about = {"at": f"params.{at}", "kind": "value"}
        return self._envelope(method, params) | {"id": self._number, "payload": about}

    def _envelope(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": method, "params": params}

    def _value(self, levels: int) -> Any:
        leaves = (None, True, 1.5, -(2**70), "é" * 2000, b"\0\xff", (1, 2), {3}, {"$": "int"}, 1j)
        if not levels or self._random.random() < 0.4:
            return self._random.choice(leaves)
        items = [self._value(levels - 1) for _ in range(self._random.randrange(5))]
        return items if self._random.random() < 0.5 else dict(enumerate(items))

    def _odd_member(self, message: dict[str, Any], data: bytes | None) -> bytes:
        """Put an odd value in the place of a member, or of one of its members."""
        inside = self._random.choice([message, message["params"], message.get("payload", message)])
        name = self._random.choice([*inside, "node", "result", "error"])
        inside[name] = "HERE"
        text = json.dumps(message).encode().replace(b'"HERE"', self._random.choice(ODD))
        return frame(text, data)

    def _other_member(self, message: dict[str, Any], data: bytes | None) -> bytes:
        """Drop a member, give it twice, or turn the message into a reply."""
        name = self._random.choice([*message])
        match self._random.randrange(3):
            case 0:
                del message[name]
            case 1:
                pair = json.dumps({name: self._random.choice([*message])}).encode()
                return frame(pair[:-1] + b"," + json.dumps(message).encode()[1:], data)
            case 2:
                message = {"jsonrpc": "2.0", "id": self._random.randrange(3), "result": message}
        return frame(message, data)

    def _bytes(self, message: dict[str, Any], data: bytes | None) -> bytes:
        """Change, drop or repeat some bytes of the whole frame."""
        return self._scrambled(frame(message, data))

    def _data(self, message: dict[str, Any], data: bytes | None) -> bytes:
        """Change the payload, or the JSON in it with a length that fits."""
        data = encode(["p", self._value(3)]) if data is None else data
        text, blobs = data[8:], b""
        if self._random.random() < 0.5:
            return frame(message, self._scrambled(data))
        if self._random.random() < 0.5:
            text = self._scrambled(text)
        else:
            place = self._random.randrange(len(text))
            text = text[:place] + self._random.choice(ODD) + text[place + 1 :]
        return frame(message, len(text).to_bytes(8, "big") + text + blobs)

    def _scrambled(self, data: bytes) -> bytes:
        changed = bytearray(data)
        for _ in range(self._random.choice([1, 1, 1, 3, 20])):
            start = self._random.randrange(len(changed) + 1)
            end = start + self._random.choice([0, 1, 1, 2, 30])
            some = self._random.choice([b"", self._random.randbytes(1), changed[start:end] * 2])
            changed[start:end] = some
        return bytes(changed)
