"""The models of a run: who answers where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlm_runtime._llm.base import LLM
from rlm_runtime._models import Model
from rlm_runtime._sandbox.base import SubCall, SubCallError


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Who answers where."""

    root: LLM
    subs: Sequence[LLM]
    """Those below the root: the n-th at depth n, the last one at all that are deeper."""
    aliases: Mapping[str, LLM]

    @property
    def everyone(self) -> tuple[LLM, ...]:
        """All that may be asked; one that answers in several places comes several times."""
        return (self.root, *self.subs, *self.aliases.values())

    def for_depth(self, depth: int) -> LLM:
        """Give the model of the nodes and completions at a depth."""
        return self.root if depth == 0 else self.subs[min(depth, len(self.subs)) - 1]

    def for_call(self, call: SubCall, depth: int) -> LLM:
        """Give the model that a sub-call asks for.

        Raises:
            SubCallError: There is no such alias.
        """
        if call.model is None:
            return self.for_depth(depth)
        try:
            return self.aliases[call.model]
        except KeyError:
            known = ", ".join(sorted(self.aliases)) or "none"
            raise SubCallError(
                f"Cannot use model {call.model!r}: the aliases of this run are: {known}",
                stop_reason="error",
            ) from None


def by_depth(
    sub_model: str | Model | LLM | Sequence[str | Model | LLM] | None,
) -> tuple[str | Model | LLM, ...]:
    """Give the models below the root, the first for depth 1; none where none are set."""
    if isinstance(sub_model, Sequence) and not isinstance(sub_model, str):
        return tuple(sub_model)
    return (sub_model,) if sub_model else ()
