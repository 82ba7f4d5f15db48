from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import anyio
import pytest

from rlm_runtime._paths import default_cache_dir
from rlm_runtime._sandbox.assets import Assets, prepare_assets
from rlm_runtime._sandbox.walls import Walls, find_walls


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def assets() -> Assets:
    """Prepare what real sandboxes start from, as a run does."""
    named = os.environ.get("RLM_SANDBOX_ASSETS")
    ready = Path(named) if named else None
    return anyio.run(partial(prepare_assets, default_cache_dir(), ready=ready))


@pytest.fixture(scope="session")
def walls(assets: Assets) -> Walls:
    """Find the walls of this system, as a run does."""
    return anyio.run(find_walls, assets)
