"""Families of models that need words of their own in the prompts, told by a model's name."""

from __future__ import annotations

import re

FAMILIES = ("qwen3-coder", "small")
"""Every family; the first that fits a name counts."""

_QWEN3_CODER = re.compile(r"qwen-?3-?coder")
# Of `8x7b` and `30b-a3b` neither part counts that tells of one expert or of what is active;
# `e4b` is the effective size of a Gemma
_BILLIONS = re.compile(r"(?<![a-z0-9.])e?(\d{1,4}(?:\.\d{1,3})?)b(?![a-z0-9])")
_SMALL_WITHOUT_SIZE = re.compile(r"mini-instruct|(?<![a-z])phi-?[34](?![a-z])|tinyllama|smollm")
_MOST_BILLIONS = 14.0


def family_of(name: str) -> str | None:
    """Tell a model's family by its name, whatever provider stands before it; most have none."""
    name = name.lower()
    if _QWEN3_CODER.search(name):
        return "qwen3-coder"
    sizes = [float(size) for size in _BILLIONS.findall(name)]
    small = max(sizes) <= _MOST_BILLIONS if sizes else _SMALL_WITHOUT_SIZE.search(name)
    return "small" if small else None
