"""What a model is shown of an iteration, and a trace of its blocks."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._events import CodeExecuted
from rlm_runtime._excerpt import excerpt
from rlm_runtime._sandbox.base import ExecutionResult
from rlm_runtime._worst_case import text_bytes

_CHARS_PER_BLOCK = 300
_PENDING_CHARS = 2000
_LEAST_CHARS = 100


def observe_within(
    results: Sequence[ExecutionResult], max_chars: int, *, max_bytes: int | None
) -> str:
    """Write down what `observe` does, cut further to what a limit leaves bytes for."""
    text = observe(results, max_chars)
    if max_bytes is None:
        return text
    while (size := text_bytes(text)) > max_bytes and max_chars > _LEAST_CHARS:
        max_chars = max(_LEAST_CHARS, max_chars * max_bytes // (size + max_bytes // 8))
        text = observe(results, max_chars)
    return text


def observe(results: Sequence[ExecutionResult], max_chars: int) -> str:
    """Write down what the blocks of one reply gave, cut to `max_chars` over all their texts.

    Every text keeps its head and its tail, and a short one is kept whole before a long one gets
    more, so an error is never lost behind a flood of output. Too many blocks are shown as one.
    """
    if len(results) > max(1, max_chars // _CHARS_PER_BLOCK):
        results = [_joined(results)]
    texts = [text for one in results for text in (one.stdout, one.stderr, one.error or "") if text]
    allowance = _share(sorted(map(len, texts)), max_chars)
    parts: list[str] = []
    for number, result in enumerate(results, 1):
        if len(results) > 1:
            parts.append(f"Block {number}:")
        parts += _sections(result, allowance)
    if results[-1].pending:
        names = excerpt(", ".join(results[-1].pending), min(_PENDING_CHARS, max_chars))
        parts.append(f"Still running, not awaited yet: {names}")
    return "\n\n".join(parts)


def describe_loss(
    output: ExecutionResult, reason: str, variables: Sequence[str]
) -> ExecutionResult:
    """Say why a sandbox was lost, and what with it; `output` is what came until then."""
    names = f" ({', '.join(variables)})" if variables else ""
    error = (
        f"{reason}\nThe sandbox was replaced by a fresh one: `context` and `query` are there"
        f" again, your variables{names}, functions and imports are lost."
    )
    return ExecutionResult(stdout=output.stdout, stderr=output.stderr, error=error)


def code_executed(
    result: ExecutionResult, node: int, iteration: int, block: int, seconds: float, completed: bool
) -> CodeExecuted:
    """Tell what a block gave."""
    return CodeExecuted(
        node=node,
        iteration=iteration,
        stdout=result.stdout,
        stderr=result.stderr,
        error=result.error,
        pending=result.pending,
        seconds=seconds,
        block=block,
        completed=completed,
        variables=result.variables,
        values=result.values,
    )


def _joined(results: Sequence[ExecutionResult]) -> ExecutionResult:
    errors = "\n".join(one.error for one in results if one.error)
    return ExecutionResult(
        stdout="\n".join(one.stdout.rstrip("\n") for one in results if one.stdout),
        stderr="\n".join(one.stderr.rstrip("\n") for one in results if one.stderr),
        error=errors or None,
        pending=results[-1].pending,
    )


def _sections(result: ExecutionResult, allowance: int) -> list[str]:
    labelled = (("", result.stdout), ("stderr:\n", result.stderr), ("error:\n", result.error or ""))
    sections = [
        label + excerpt(text.rstrip("\n"), allowance) for label, text in labelled if text.strip()
    ]
    return sections or ["(no output)"]


def _share(sizes: Sequence[int], room: int) -> int:
    """Find the longest that a text may be, so that all together fit into the room."""
    for index, size in enumerate(sizes):
        fair = room // (len(sizes) - index)
        if size > fair:
            return fair
        room -= size
    return max(sizes, default=0)
