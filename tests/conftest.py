from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import anyio
import pytest

from rlm_runtime._config import read_environment
from rlm_runtime._sandbox.assets import Assets, prepare_assets
from rlm_runtime._sandbox.walls import Walls, find_walls
from tests.examples import register_profiles

_T = TypeVar("_T")

register_profiles()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def _run(work: Callable[[], Awaitable[_T]]) -> _T:
    """Run async work for a fixture that synchronous tests use too; a loop may be running here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work).result()


@pytest.fixture(scope="session")
def assets() -> Assets:
    """Prepare what real sandboxes start from, as a run does."""
    environment = read_environment()
    ready = environment.sandbox_assets
    return _run(partial(prepare_assets, environment.cache_dir, ready=ready))


@pytest.fixture(scope="session")
def walls(assets: Assets) -> Walls:
    """Find the walls of this system, as a run does."""
    return _run(partial(find_walls, assets))
