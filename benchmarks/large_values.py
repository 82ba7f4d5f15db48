"""100 MB of context in, 50 MB of answer out, and no part of either in a request."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import anyio

from benchmarks._harness import Row, report, run_rlm
from rlm_runtime.testing import LoopbackServer, Message, open_loopback_server

_CONTEXT_BYTES = 100_000_000
_STRINGS = 1_000_000
_MARK = "needle-of-the-context"


def _build_answer() -> list[str]:
    return [f"row {i:07d} of the answer, {i * 7919 % 1_000_003:07d}, {'x' * 14}" for i in range(_STRINGS)]  # fmt: skip  # noqa: E501


_INPUT_CODE = "```repl\nFINAL([len(context), context.count('" + "needle' '-of" + "')])\n```"
_OUTPUT_CODE = f"""```repl
rows = [f"row {{i:07d}} of the answer, {{i * 7919 % 1_000_003:07d}}, {{'x' * 14}}" for i in range({_STRINGS})]
print(len(rows))
FINAL(rows)
```"""  # noqa: E501


def _longest_request(server: LoopbackServer, forbidden: str) -> int:
    texts = [message.content for request in server.requests for message in request.messages]
    assert texts and not any(forbidden in text for text in texts)
    return server.stats.longest_body


async def _input(folder: Path) -> Row:
    path = folder / "context.txt"
    line = "The quick brown fox jumps over the lazy dog, again and again. "
    text = (line * (_CONTEXT_BYTES // len(line) + 1))[: _CONTEXT_BYTES - len(_MARK)] + _MARK
    path.write_text(text)
    asked: list[float] = []

    def policy(messages: Sequence[Message]) -> str:
        asked.append(time.monotonic())
        return _INPUT_CODE

    async with open_loopback_server(policy) as server:
        run = await run_rlm(
            "run", "-p", "How many needles?", "-c", str(path), "-m", "any",
            "--base-url", server.base_url, "--trace-dir", str(folder), "-q",
        )  # fmt: skip
        assert json.loads(run.stdout) == [_CONTEXT_BYTES, 1], run.stderr
        longest = max(_longest_request(server, _MARK), _longest_request(server, line))
    return {
        "what": "context of 100 MB",
        "to the first request s": asked[0] - run.started,
        "wall s": run.seconds,
        "peak RSS MB of the tree": run.peak_rss_mb,
        "longest request bytes": longest,
    }


async def _output(folder: Path) -> Row:
    target = folder / "answer.json"
    expected = _build_answer()
    async with open_loopback_server(lambda messages: _OUTPUT_CODE) as server:
        run = await run_rlm(
            "run", "-p", "Build it", "-m", "any", "--base-url", server.base_url,
            "--trace-dir", str(folder), "-q", "-o", str(target),
        )  # fmt: skip
        assert run.status == 0, run.stderr
        assert json.loads(target.read_text()) == expected
        longest = _longest_request(server, expected[_STRINGS // 2])
    return {
        "what": f"answer of {target.stat().st_size / 1e6:.1f} MB, {_STRINGS:,} strings",
        "to the first request s": None,
        "wall s": run.seconds,
        "peak RSS MB of the tree": run.peak_rss_mb,
        "longest request bytes": longest,
    }


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        return [await _input(Path(folder)), await _output(Path(folder))]


def measure() -> None:
    """Measure, and report."""
    compared = "a context of 100 MB elsewhere: 10.1 to 20 s, 2532 to 3651 MB; none sends 50 MB back"
    report("large_values", anyio.run(_measure), compared=compared)


if __name__ == "__main__":
    measure()
