"""The two messages that a node's history begins with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlm_runtime._describe import describe
from rlm_runtime._engine.tree import Tree
from rlm_runtime._engine.typed import shown_schema
from rlm_runtime._prompts import Prompts, SubCalls
from rlm_runtime._tools.listing import list_tools
from rlm_runtime._types import Message

if TYPE_CHECKING:
    # A node knows how its history begins, too
    from rlm_runtime._engine.node import Node

_QUERY_CHARS_SHOWN = 2000


def opening_messages(node: Node, tree: Tree, prompts: Prompts) -> tuple[Message, Message]:
    """Write the system message of a node, and what it is asked."""
    limits, query = tree.limits, node.query
    kinds: dict[int, SubCalls] = {0: "none", 1: "completions"}
    system = prompts.system(
        sub_calls=kinds.get(limits.max_depth - node.depth, "nodes"),
        max_observation_chars=limits.max_observation_chars,
        tools=prompts.tools(list_tools(node.tools.values())) if node.tools else "",
        completion_chars=tree.completion_chars(node),
    )
    if len(query) > _QUERY_CHARS_SHOWN:
        query = f"It is long: the variable `query` holds {describe(query)}. Read it first."
    first = prompts.first(
        query=query,
        context=describe(node.context),
        iterations=limits.max_iterations,
        schema=shown_schema(node.answer_type) if node.answer_type else "",
    )
    return Message(role="system", content=system), Message(role="user", content=first)
