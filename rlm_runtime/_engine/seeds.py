"""Where the random numbers of generated code come from: one seed for the run, all others of it."""

from __future__ import annotations

import hashlib

SEED_BITS = 63


def derive_seed(seed: int, *names: str | int) -> int:
    """Give the seed that belongs to these names under another seed; the same each time."""
    text = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - SEED_BITS)
