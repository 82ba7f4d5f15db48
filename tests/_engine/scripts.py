"""Replies of scripted models, and what they are replies to."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from rlm_runtime._llm.scripted import Policy
from rlm_runtime._types import Message

_QUERY = re.compile(r"# Query\n\n(.*?)\n\n# Context\n", re.DOTALL)


def repl(*blocks: str) -> str:
    """Write a reply that runs blocks of code."""
    return "\n".join(f"```repl\n{block}\n```" for block in blocks)


def asked(messages: Sequence[Message]) -> str:
    """Find the query that a request is about, or the prompt of a plain completion."""
    found = _QUERY.match(messages[1].content)
    return found[1] if found else messages[1].content


def script(replies: Mapping[str, Sequence[str]]) -> Policy:
    """Play replies in order, a list of them for each query."""

    def policy(messages: Sequence[Message]) -> str:
        said = sum(message.role == "assistant" for message in messages)
        return replies[asked(messages)][said]

    return policy
