from __future__ import annotations

from pathlib import Path

import pytest

from rlm_runtime._tui.opening import make_viewer
from rlm_runtime._tui.source import open_source
from tests._cli.events import SMALL_RUN
from tests._tui.viewing import write


@pytest.mark.anyio
async def test_beside_a_run_no_garbage_is_put_aside_for_good(tmp_path: Path) -> None:
    async with open_source(await write(tmp_path, *SMALL_RUN)) as source:
        assert make_viewer(source, follow=True).collector is None
