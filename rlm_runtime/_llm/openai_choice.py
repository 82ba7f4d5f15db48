"""The reply in the pieces of a choice: text, reasoning, refusal, calls of tools."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from rlm_runtime._llm.openai_errors import dig, load_json

_MOST_TOOL_CALLS = 100


class ChoiceReader:
    """Joins the pieces of one choice."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._tool_calls: dict[int, _ToolCall] = {}
        self.pieces = 0
        """How many pieces with anything in them came."""
        self.finish_reason: str | None = None

    @property
    def text(self) -> str:
        """The reply; calls of tools, which nobody offered, are told as text."""
        parts = [_join_pairs(self._text), *(call.told() for call in self._tool_calls.values())]
        return "\n".join(part for part in parts if part)

    @property
    def reasoning(self) -> str:
        """The reasoning that came apart from the reply."""
        return _join_pairs(self._reasoning)

    def take(self, choice: object) -> None:
        """Take a choice of a chunk, or of a whole response."""
        if not isinstance(choice, dict):
            return
        piece = choice.get("delta") or choice.get("message")
        if isinstance(piece, dict):
            self._take_piece(piece)
        finish_reason = choice.get("finish_reason")
        if isinstance(finish_reason, str) and finish_reason:
            self.finish_reason = finish_reason

    def _take_piece(self, piece: dict[str, object]) -> None:
        content = piece.get("content")
        if isinstance(content, list):
            self._add(self._reasoning, _thinking_of(content))
            content = _text_of(content)
        self._add(self._text, content)
        if len(piece) == 1 and content is not None:
            return
        self._add(self._text, piece.get("refusal"))
        self._add(
            self._reasoning,
            # DeepSeek, vLLM, llama.cpp; Ollama, newer vLLM, OpenRouter; OpenRouter
            piece.get("reasoning_content")
            or piece.get("reasoning")
            or _details_of(piece.get("reasoning_details")),
        )
        calls = piece.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._take_tool_call(call)

    def _add(self, pieces: list[str], piece: object) -> None:
        if isinstance(piece, str) and piece:
            pieces.append(piece)
            self.pieces += 1

    def _take_tool_call(self, call: object) -> None:
        index, name = dig(call, "index"), dig(call, "function", "name")
        if not isinstance(index, int):
            # A whole response does not number them
            index = len(self._tool_calls)
        if index not in self._tool_calls and len(self._tool_calls) >= _MOST_TOOL_CALLS:
            return
        known = self._tool_calls.setdefault(index, _ToolCall())
        known.name = name if isinstance(name, str) and name else known.name
        self._add(known.arguments, dig(call, "function", "arguments"))


@dataclass(slots=True)
class _ToolCall:
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def told(self) -> str:
        """Tell it in the form in which models write such calls."""
        arguments: object = "".join(self.arguments)
        try:
            parsed = load_json(str(arguments).encode(errors="surrogatepass"))
        except ValueError:
            parsed = arguments
        body = json.dumps({"name": self.name, "arguments": parsed}, ensure_ascii=False)
        return f"<tool_call>\n{body}\n</tool_call>"


def _text_of(content: object) -> str:
    """Read the text of a message, which some endpoints give as a list of parts."""
    if isinstance(content, list):
        return "".join(_text_of(dig(part, "text")) for part in content)
    return content if isinstance(content, str) else ""


def _thinking_of(parts: list[object]) -> str:
    """Read the reasoning that Mistral puts among the parts of the content."""
    return "".join(_text_of(dig(part, "thinking")) for part in parts)


def _details_of(details: object) -> str:
    """Read OpenRouter's details; encrypted ones say nothing."""
    if not isinstance(details, list):
        return ""
    said = [dig(one, name) for one in details for name in ("text", "summary")]
    return "".join(text for text in said if isinstance(text, str))


def _join_pairs(pieces: list[str]) -> str:
    """Join the pieces, and the surrogate pairs that a server cut in two."""
    text = "".join(pieces)
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
