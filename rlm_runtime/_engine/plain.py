"""Sub-calls that a plain completion answers."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._engine.leaf import complete, prompt_of
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.past import SubCallPast, take_reply
from rlm_runtime._engine.sub_calls import Given
from rlm_runtime._engine.tree import Tree
from rlm_runtime._engine.window import check_plain
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._sandbox.base import SubCall
from rlm_runtime._types import Completion, Message


async def answer_plainly(
    tree: Tree,
    node: Node,
    llm: LLM,
    call: SubCall,
    given: Given,
    sub_call: int,
    past: SubCallPast | None,
) -> object:
    """Answer a sub-call of a node; replies that `past` has are not asked for again.

    Raises:
        SubCallError: Its prompt is too long.
        LimitExceededError: It ended without an answer.
        ModelError: The model failed for good.
    """
    recorded = [] if past is None else list(past.replies)

    async def ask(messages: Sequence[Message], options: CallOptions) -> Completion:
        if (completion := take_reply(recorded, messages)) is not None:
            return check_plain(completion, llm)
        return await tree.complete(
            node, llm, messages, iteration=None, options=options, sub_call=sub_call
        )

    prompts = tree.prompts.for_model(llm.name)
    return await complete(
        ask,
        prompts=prompts,
        system=prompts.leaf(),
        prompt=await prompt_of(call),
        answer_type=given.answer_type,
        structured=llm.info.structured_output,
    )
