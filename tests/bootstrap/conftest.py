from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from rlm_runtime._paths import data_dir

# In the sandbox these modules are called `bootstrap.…`, and so they are here
sys.path.insert(0, str(data_dir("deno_sandbox")))


@pytest.fixture(autouse=True)
def _main_module() -> Iterator[None]:
    """Put back what a Repl takes the place of."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
