"""Prepares the assets below a folder, as a run does, and tells what goes on."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import anyio

from rlm_runtime._sandbox.assets import prepare_assets

say = partial(print, flush=True)
say(anyio.run(partial(prepare_assets, Path(sys.argv[1]), progress=say)).snapshot)
