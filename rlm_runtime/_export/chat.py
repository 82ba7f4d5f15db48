"""The trajectories of a run as chat messages, one a line, as trainers of models read them."""

from __future__ import annotations

from dataclasses import asdict
from typing import BinaryIO

from rlm_runtime._errors import TraceError
from rlm_runtime._export.lines import write_line
from rlm_runtime._export.trajectories import Trajectories, Trajectory
from rlm_runtime._trace.reader import Trace


def write_chat(
    trace: Trace, out: BinaryIO, *, content: bool = False, answered_only: bool = False
) -> None:
    """Write each node and each completion as one line: its messages, its outcome, its usage.

    `messages` are those of the last request with the reply to it, older ones whole where the model
    saw them shortened. After a resume that went another way, only what counts is written.

    Args:
        trace: What is written.
        out: Where to.
        content: Whether answers are written whole, not as the beginning of their text.
        answered_only: Whether those that ended without an answer are left out.

    Raises:
        TraceError: The trace is damaged, or misses an answer; what could be read was written.
    """
    trajectories, damage = Trajectories(), None
    try:
        for event in trace.events():
            trajectories.add(event)
    except TraceError as exc:
        damage = exc
    run = trajectories.run or trace.header.run
    for one in trajectories:
        if answered_only and one.stop_reason != "answered" or not one.history.messages:
            continue
        answer: object = one.ended.answer if one.ended is not None else None
        if content and one.ended is not None and one.ended.answer_ref:
            try:
                answer = trace.value(one.ended.answer_ref)
            except TraceError as exc:
                damage = damage or exc
        write_line(out, _as_line(run, one, answer))
    if damage is not None:
        raise damage


def _as_line(run: str, one: Trajectory, answer: object) -> dict[str, object]:
    name = one.number if one.kind == "node" else f"{one.parent}/{one.sub_call}"
    return {
        "id": f"{run}/{name}",
        "kind": one.kind,
        "run": run,
        "node": one.number,
        "parent": one.parent,
        "sub_call": one.sub_call,
        "depth": one.depth,
        "model": one.model,
        "messages": one.history.messages,
        "trimmed": one.history.trimmed,
        "recalled": one.recalled,
        "outcome": {
            "stop_reason": one.stop_reason,
            "answer": answer,
            "answer_type": None if one.ended is None else one.ended.answer_type,
            "error": None if one.ended is None else one.ended.error,
        },
        "usage": {"own": asdict(one.usage), "subtree": asdict(one.subtree_usage())},
        # For a grader to fill in
        "reward": None,
    }
