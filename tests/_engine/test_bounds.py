"""What a model call is bounded by."""

from __future__ import annotations

import json

from rlm_runtime._account import Account
from rlm_runtime._engine.bounds import worst_case
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import CallOptions
from rlm_runtime._types import Message
from rlm_runtime._worst_case import WorstCase
from tests._engine.metered import MeteredLLM

MESSAGES = [Message(role="user", content="hello")]
LIMITS = Limits(max_tokens=10_000)


def bound(options: CallOptions) -> WorstCase:
    return worst_case(
        Account.root(LIMITS),
        MeteredLLM(lambda _: ""),
        MESSAGES,
        options,
        LIMITS,
        is_completion=True,
        is_last=False,
    )


def test_a_schema_is_part_of_the_prompt() -> None:
    schema = {"type": "string", "description": "x" * 3000}
    more = bound(CallOptions(schema=schema)).prompt_tokens - bound(CallOptions()).prompt_tokens
    assert more == len(json.dumps(schema))
