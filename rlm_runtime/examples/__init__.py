"""Offline examples: scripted policies that play a model, whose code really runs in the sandbox.

A policy shows what the runtime does; it says nothing about how well a real model does it.
"""

from rlm_runtime._llm.scripted import Policy
from rlm_runtime.examples import letter_counts, most_parameters

__all__ = ["policies"]


def policies() -> dict[str, Policy]:
    """Give every policy by its name; `rlm run -m scripted/NAME` plays it."""
    return {
        "letter_counts": letter_counts.policy,
        "most_parameters": most_parameters.policy,
    }
