"""How much of each request a provider's prompt cache can serve, over a run of 20 iterations."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise

import anyio

from benchmarks._harness import Row, report
from rlm_runtime import RLM
from rlm_runtime.testing import Message, open_loopback_server

_ITERATIONS = 20
_CODE = "print(context[{start}:{end}])"


def _policy(messages: Sequence[Message]) -> str:
    """Look at another 2,000 characters of the context with each reply."""
    said = sum(message.role == "assistant" for message in messages)
    if said == _ITERATIONS - 1:
        return "All was read.\n\n```repl\nFINAL(len(context))\n```"
    code = _CODE.format(start=2000 * said, end=2000 * (said + 1))
    return f"Now the part from {2000 * said:,} on.\n\n```repl\n{code}\n```"


def _as_sent(messages: Sequence[Message]) -> bytes:
    """Write the messages as the body has them, but for the bracket that closes the list."""
    plain = [{"role": one.role, "content": one.content} for one in messages]
    return json.dumps(plain).encode().removesuffix(b"]")


def _common(one: bytes, other: bytes) -> int:
    """Count the bytes with which both begin."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)


async def _measure() -> list[Row]:
    context = "\n".join(f"line {number}: nothing of note" for number in range(10_000))
    async with open_loopback_server(_policy) as server:
        async with RLM("any", base_url=server.base_url, trace_dir=None) as rlm:
            result = await rlm.run("How long is it?", context=context)
        assert result.answer == len(context)
        sent = [_as_sent(request.messages) for request in server.requests]
    assert len(sent) == _ITERATIONS
    rows: list[Row] = [
        {
            "request": number,
            "bytes": len(later),
            "bytes of the one before": len(earlier),
            "bytes in common": _common(earlier, later),
            "share of the one before": _common(earlier, later) / len(earlier),
            "share of this one": _common(earlier, later) / len(later),
        }
        for number, (earlier, later) in enumerate(pairwise(sent), 2)
    ]
    total = sum(map(len, sent))
    common = sum(_common(*each) for each in pairwise(sent))
    before = sum(map(len, sent[:-1]))
    rows.append(
        {
            "request": "all",
            "bytes": total,
            "bytes of the one before": before,
            "bytes in common": common,
            "share of the one before": common / before,
            "share of this one": common / total,
        }
    )
    return rows


def measure() -> None:
    """Measure, and report."""
    report("stable_prefix", anyio.run(_measure))


if __name__ == "__main__":
    measure()
