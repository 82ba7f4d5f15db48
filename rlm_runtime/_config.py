"""What the environment says; it is read when an `RLM` is made, never at import."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rlm_runtime._paths import default_cache_dir


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Settings that have no better place than the environment."""

    api_key: str | None
    """`RLM_API_KEY`, else `OPENAI_API_KEY`."""
    cache_dir: Path
    """`RLM_CACHE_DIR`: where the sandbox is prepared, once."""
    sandbox_assets: Path | None
    """`RLM_SANDBOX_ASSETS`: a ready folder, for a machine without a network."""


def read_environment(variables: Mapping[str, str] | None = None) -> Environment:
    """Read the environment; a variable that is set to nothing counts as not set."""
    get = (os.environ if variables is None else variables).get
    assets, cache = get("RLM_SANDBOX_ASSETS"), get("RLM_CACHE_DIR")
    return Environment(
        api_key=get("RLM_API_KEY") or get("OPENAI_API_KEY") or None,
        cache_dir=Path(cache) if cache else default_cache_dir(),
        sandbox_assets=Path(assets) if assets else None,
    )
