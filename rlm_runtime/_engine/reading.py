"""What a node makes of a completion: code to run, or a reminder of how to go on."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_runtime._parsing import Reply, parse_reply
from rlm_runtime._prompts import Reminder
from rlm_runtime._types import Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A completion, understood."""

    blocks: tuple[str, ...] = ()
    """Code to run, in order; an answer written as text is code, too."""
    reminder: Reminder | None = None
    """What is wrong, where there is no code to run."""
    prose: str = ""
    """The model's own words."""


def read_completion(completion: Completion) -> Reading:
    """Understand a completion.

    Nothing of one that was cut off or held back runs: the half of a block may do the wrong thing,
    and the blocks before it were written for what never came.
    """
    reply = parse_reply(completion.text)
    if completion.is_cut:
        return Reading(reminder="cut", prose=reply.prose)
    if completion.is_filtered:
        return Reading(reminder="filtered", prose=reply.prose)
    blocks = (reply.final,) if reply.final else reply.blocks
    if blocks:
        return Reading(blocks=blocks, prose=reply.prose)
    reminder = _missing(completion, reply)
    # The text of a call is no words of the model's own
    return Reading(reminder=reminder, prose="" if reminder == "tool_call" else reply.prose)


def _missing(completion: Completion, reply: Reply) -> Reminder:
    """Tell what is wrong with a reply that has no code."""
    if reply.has_tool_call or (completion.finish_reason == "tool_calls" and not reply.prose):
        return "tool_call"
    if reply.prose:
        return "no_code"
    return "thoughts" if reply.has_thoughts or completion.reasoning.strip() else "empty"
