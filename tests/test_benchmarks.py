"""`make bench` runs all there is."""

from __future__ import annotations

import ast
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
PICTURES = {"viewer_screens"}
"""What measures nothing."""


def test_every_measurement_is_run() -> None:
    there = {file.stem for file in BENCHMARKS.glob("[!_]*.py")} - PICTURES
    tree = ast.parse((BENCHMARKS / "__main__.py").read_text("utf-8"))
    (run,) = (node.iter for node in tree.body if isinstance(node, ast.For))
    assert isinstance(run, ast.Tuple)
    assert {one.id for one in run.elts if isinstance(one, ast.Name)} == there
