"""What a model is shown of an iteration."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._sandbox.base import ExecutionResult

_GAP_CHARS = 50


def observe(results: Sequence[ExecutionResult], max_chars: int) -> str:
    """Write down what the blocks of one reply gave, cut to `max_chars` over all their texts.

    Every text keeps its head and its tail, and a short one is kept whole before a long one gets
    more, so an error is never lost behind a flood of output.
    """
    texts = [text for one in results for text in (one.stdout, one.stderr, one.error or "") if text]
    allowance = _share(sorted(map(len, texts)), max_chars)
    parts: list[str] = []
    for number, result in enumerate(results, 1):
        if len(results) > 1:
            parts.append(f"Block {number}:")
        parts += _sections(result, allowance)
    return "\n\n".join(parts)


def _sections(result: ExecutionResult, allowance: int) -> list[str]:
    labelled = (("", result.stdout), ("stderr:\n", result.stderr), ("error:\n", result.error or ""))
    sections = [
        label + _cut(text.rstrip("\n"), allowance) for label, text in labelled if text.strip()
    ]
    if result.pending:
        sections.append(f"Still running, not awaited yet: {', '.join(result.pending)}")
    return sections or ["(no output)"]


def _share(sizes: Sequence[int], room: int) -> int:
    """Find the longest that a text may be, so that all together fit into the room."""
    for index, size in enumerate(sizes):
        fair = room // (len(sizes) - index)
        if size > fair:
            return fair
        room -= size
    return max(sizes, default=0)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = max(0, most - _GAP_CHARS) // 2
    tail = text[len(text) - half :]
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{tail}"
