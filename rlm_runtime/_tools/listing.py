"""Tools in few words, for a system prompt."""

from __future__ import annotations

from collections.abc import Iterable

from rlm_runtime._tools.base import HostTool

_PARAGRAPH_CHARS = 300
_SIGNATURE_CHARS = 500
_LIST_CHARS = 8000
_NAMES_CHARS = 2000


def list_tools(tools: Iterable[HostTool]) -> str:
    """List tools with signature and first paragraph; of those beyond a bound, the names."""
    lines: list[str] = []
    unlisted: list[str] = []
    room = _LIST_CHARS
    for tool in tools:
        line = _line(tool)
        room -= len(line)
        if room < 0:
            unlisted.append(tool.name)
        else:
            lines.append(line)
    if unlisted:
        names = _cut(", ".join(f"`{name}`" for name in unlisted), _NAMES_CHARS)
        lines.append(f"- and {len(unlisted)} more, on which `help()` tells: {names}")
    return "\n".join(lines)


def _line(tool: HostTool) -> str:
    signature = tool.signature
    if len(signature) > _SIGNATURE_CHARS:
        signature = "(...)"
    paragraph = " ".join(tool.doc.strip().partition("\n\n")[0].split())
    says = f": {_cut(paragraph, _PARAGRAPH_CHARS)}" if paragraph else ""
    return f"- `await {tool.name}{signature}`{says}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
