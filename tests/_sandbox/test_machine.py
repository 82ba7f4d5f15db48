"""The machine as limits and a file system of limits tell of it."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from rlm_runtime._sandbox.machine import available_memory_mb, usable_cores


def test_what_there_is_without_limits(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == len(os.sched_getaffinity(0))
    total = psutil.virtual_memory().total >> 20
    assert 0 < available_memory_mb(tmp_path) < total


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 10**6), ("50000 100000", 1), ("100000 100000", 1)]
)
def test_a_limit_of_processor_time_counts(tmp_path: Path, quota: str, most: int) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert usable_cores(tmp_path) == min(most, len(os.sched_getaffinity(0)))


def test_a_limit_of_memory_counts_without_what_is_only_cached(tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(f"{100 << 20}\n")
    assert available_memory_mb(tmp_path) == 100
    (tmp_path / "memory.current").write_text(f"{90 << 20}\n")
    (tmp_path / "memory.stat").write_text(f"anon 1\ninactive_file {30 << 20}\n")
    assert available_memory_mb(tmp_path) == 40
    (tmp_path / "memory.current").write_text(f"{190 << 20}\n")
    assert available_memory_mb(tmp_path) == 0
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory_mb(tmp_path) > 100
