"""What a node makes of the type that its answer must be of."""

from __future__ import annotations

import json
from dataclasses import dataclass

import anyio.to_thread

from rlm_runtime._answer_types.base import AnswerMismatchError, AnswerType
from rlm_runtime._excerpt import excerpt
from rlm_runtime._sandbox.base import AnswerRejectedError

_MAX_SCHEMA_CHARS = 4_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What ended a node."""

    value: object
    given: object
    """As the model gave it, before its type made something of it."""


async def judge(answer_type: AnswerType, answer: object) -> object:
    """Give an answer as its type has it.

    Raises:
        AnswerRejectedError: It is not of this type; the message tells the model why.
    """
    try:
        return await anyio.to_thread.run_sync(answer_type.validate, answer)
    except AnswerMismatchError as exc:
        raise AnswerRejectedError(f"The answer does not follow its schema:\n{exc}") from None


def shown_schema(answer_type: AnswerType) -> str:
    """Write the schema of a type for the first message; what is left out, rejections tell."""
    return excerpt(json.dumps(answer_type.json_schema, ensure_ascii=False), _MAX_SCHEMA_CHARS)
