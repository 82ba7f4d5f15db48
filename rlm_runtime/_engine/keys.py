"""Keys of requests: one for the same request in whatever run, one for those that begin alike."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from rlm_runtime._engine.bounds import LEFT_LINE
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._types import Message

_DIGEST_BYTES = 16
# System message and first message; what is left of the limits is told in observations only
_FIRST = 2
_PARAGRAPH = "\n\n"


def request_key(
    llm: LLM, messages: Sequence[Message], options: CallOptions, *, is_completion: bool
) -> str:
    """Name model, settings, schema and messages together.

    Where it is sent, with which key, and how long a limit lets the reply be are no part of it.

    Args:
        llm: The model that is asked.
        messages: All that is sent.
        options: What the call asks for beside them.
        is_completion: Whether it is a plain completion, which has no observations.
    """
    info = llm.info
    schema = schema_text(options) if info.structured_output else ""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    head = json.dumps([llm.name, info.settings, schema])
    digest.update(f"{len(head)} {head}".encode("ascii"))
    for at, message in enumerate(messages):
        text = message.content if is_completion else comparable(message, at)
        content = text.encode("utf-8", "surrogatepass")
        # With its length in front, no message can pass for two
        digest.update(f" {message.role} {len(content)} ".encode("ascii"))
        digest.update(content)
    return digest.hexdigest()


def cache_key(run: str, history: int | Sequence[Message]) -> str:
    """Name what a call's messages begin like: the history of a node, or a leaf's system prompt."""
    if isinstance(history, int):
        return f"{run}/{history}"
    begins = history[0].content.encode("utf-8", "surrogatepass")
    return f"{run}/{hashlib.sha256(begins).hexdigest()[:12]}"


def schema_text(options: CallOptions) -> str:
    """Write the schema that a call asks for, as events hold it; nothing where there is none."""
    return "" if options.schema is None else json.dumps(dict(options.schema))


def comparable(message: Message, at: int) -> str:
    """Give the text of a node's message, by its place, without what differs in each run."""
    text = message.content
    if at < _FIRST or message.role != "user":
        return text
    # It comes after all output of the code, which may say the same
    start = text.rfind(f"{_PARAGRAPH}Left: ")
    found = LEFT_LINE.match(text, start + len(_PARAGRAPH)) if start >= 0 else None
    if found is None or text[found.end() : found.end() + len(_PARAGRAPH)] not in ("", _PARAGRAPH):
        return text
    return text[:start] + text[found.end() :]
