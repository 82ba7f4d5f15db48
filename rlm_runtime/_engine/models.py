"""The models of a run: who answers where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rlm_runtime._llm.base import LLM


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """Who answers where."""

    root: LLM
    subs: Sequence[LLM]
    """Those below the root: the n-th at depth n, the last one at all that are deeper."""
    aliases: Mapping[str, LLM]

    def for_depth(self, depth: int) -> LLM:
        """Give the model of the nodes and completions at a depth."""
        return self.root if depth == 0 else self.subs[min(depth, len(self.subs)) - 1]
