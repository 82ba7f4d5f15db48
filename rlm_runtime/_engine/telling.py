"""What the events tell of how runs and nodes begin and end."""

from __future__ import annotations

from rlm_runtime._describe import describe, preview
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.past import RunPast
from rlm_runtime._engine.sub_calls import Given
from rlm_runtime._events import NodeEnded, NodeStarted, RunEnded, RunResumed, RunStarted
from rlm_runtime._limits import Limits
from rlm_runtime._types import StopReason
from rlm_runtime._usage import Ledger


def run_started(
    given: Given,
    models: Models,
    limits: Limits,
    *,
    run: str,
    version: str,
    settings: str,
    seed: int,
) -> RunStarted:
    """Tell that a run began."""
    return RunStarted(
        run=run,
        version=version,
        query=preview(given.query),
        model=models.root.name,
        sub_model=", ".join(llm.name for llm in models.subs),
        limits=_as_dict(limits),
        query_ref=given.query_ref,
        context_ref=given.context_ref,
        schema=given.schema,
        settings=settings,
        seed=seed,
    )


def run_resumed(
    past: RunPast, models: Models, limits: Limits, *, version: str, settings: str
) -> RunResumed:
    """Tell that a run goes on."""
    return RunResumed(
        version=version,
        model=models.root.name,
        sub_model=", ".join(llm.name for llm in models.subs),
        limits=_as_dict(limits),
        spent_seconds=past.seconds,
        settings=settings,
    )


def run_ended(
    ledger: Ledger,
    reason: StopReason,
    answer: object,
    error: str | None,
    *,
    answer_ref: str,
    seconds: float,
) -> RunEnded:
    """Tell how a run ended."""
    usage = ledger.usage
    return RunEnded(
        stop_reason=reason,
        answer=preview(answer),
        answer_type=type(answer).__name__,
        error=error,
        calls=usage.calls,
        nodes=ledger.nodes,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost=usage.cost,
        seconds=seconds,
        cached_tokens=usage.cached_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        answer_ref=answer_ref,
    )


def node_started(
    node: Node, given: Given, *, parent: Node | None, sub_call: int | None
) -> NodeStarted:
    """Tell that a node began."""
    return NodeStarted(
        node=node.number,
        parent=None if parent is None else parent.number,
        depth=node.depth,
        model=node.llm.name,
        query=preview(given.query),
        context=describe(given.context),
        expected=given.answer_type.name if given.answer_type else "",
        sub_call=sub_call,
        query_ref=given.query_ref,
        context_ref=given.context_ref,
        schema=given.schema,
    )


def node_ended(node: Node, reason: StopReason, answer: object, error: str | None) -> NodeEnded:
    """Tell how a node ended."""
    return NodeEnded(
        node=node.number,
        stop_reason=reason,
        answer=preview(answer),
        answer_type=type(answer).__name__,
        error=error,
        answer_ref=node.answer_ref,
    )


def _as_dict(limits: Limits) -> dict[str, int | float | None]:
    return {name: getattr(limits, name) for name in Limits.__slots__}
