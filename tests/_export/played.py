"""A run with most of what a run can have, for the tests of what is made of events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rlm_runtime._engine.tools import Tools
from rlm_runtime._errors import ModelRateLimitError
from rlm_runtime._events import Event
from rlm_runtime._limits import Limits
from rlm_runtime._llm.retry import RetryPolicy
from rlm_runtime._tools.function import Tool
from rlm_runtime._types import Message
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import Played, asked, play, repl, script
from tests.traces import write_trace

QUICK = RetryPolicy(attempts=5, max_retry_seconds=60.0, base_seconds=0.01, random=lambda: 1.0)
ROOT = (
    "kept = 'SECRET code'\n"
    "node = llm_query('SECRET left')\n"
    "leaf = llm_query('SECRET right', recursive=False)\n"
    "print('SECRET output', await node, await leaf, await look('SECRET argument'))",
    "1 / 0  # SECRET comment",
    "await fail('SECRET')",
)
REPLIES = {
    "root": [repl(ROOT[0]), repl(ROOT[1], ROOT[2]), repl("await FINAL('SECRET answer')")],
    "SECRET left": [repl("await FINAL([1])")],
    "SECRET right": ["SECRET reply"],
}


def look(what: str) -> str:
    """Look something up."""
    return f"SECRET result of {what}"


def fail(what: str) -> str:
    """Fail."""
    raise ValueError(f"SECRET {what}")


async def play_all() -> Played:
    """Run it: a child, a completion that is tried twice, tools, code that fails."""
    policy = script(REPLIES)
    refused: list[bool] = []

    async def flaky(messages: Sequence[Message]) -> str:
        if asked(messages) == "SECRET right" and not refused:
            refused.append(True)
            raise ModelRateLimitError("SECRET: slow down", status=429)
        said = policy(messages)
        assert isinstance(said, str)
        return said

    return await play(
        ScriptedLLM(flaky, name="root"),
        retries=QUICK,
        limits=Limits(max_tokens=1_000_000),
        tools=Tools(root={"look": Tool(look), "fail": Tool(fail)}),
    )


def trace_of(folder: Path, events: Sequence[Event], run: str = "run") -> Path:
    """Write the events to a trace."""
    return write_trace(folder, run, *events)


def damage(path: Path, text: bytes) -> None:
    """Overwrite a text that is in a trace."""
    whole = path.read_bytes()
    assert whole.count(text) == 1
    path.write_bytes(whole.replace(text, b"\xc1" * len(text)))
