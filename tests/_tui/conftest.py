"""Shorter waits: a pilot looks every 20 ms whether the viewer is idle, at each key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual import _wait


@pytest.fixture(autouse=True)
def impatient_pilot(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_wait, "SLEEP_GRANULARITY", _wait.SLEEP_GRANULARITY / 4)
    monkeypatch.setattr(_wait, "SLEEP_IDLE", _wait.SLEEP_IDLE / 4)
    yield
