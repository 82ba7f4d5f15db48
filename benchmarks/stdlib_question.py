"""A question about 13 MB of real source code, answered over HTTP by a scripted policy."""

from __future__ import annotations

import ast
import json
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio

from benchmarks._harness import Row, percentiles, report, run_rlm
from rlm_runtime._paths import package_file
from rlm_runtime.examples import most_parameters
from rlm_runtime.testing import open_loopback_server

_REPEATS = 5
_NOT_LIBRARY = {"site-packages", "test", "tests", "idle_test", "__pycache__"}


def _library_files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*.py")):
        if not _NOT_LIBRARY.intersection(path.relative_to(root).parts[:-1]):
            yield path


def _copy_library(target: Path) -> tuple[int, int]:
    """Copy the running Python's standard library; give files and bytes."""
    root = Path(sysconfig.get_paths()["stdlib"])
    files = size = 0
    for path in _library_files(root):
        copy = target / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        files, size = files + 1, size + copy.stat().st_size
    return files, size


def most_parameters_by_walk(folder: Path) -> tuple[int, str, int]:
    """Answer the question another way: count of parameters, file and line of the function."""
    best = (0, "", 0)
    for path in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                count = sum(isinstance(part, ast.arg) for part in ast.walk(node.args))
                # A lambda in a default value has parameters of its own
                count -= sum(
                    isinstance(part, ast.arg)
                    for inner in ast.walk(node.args)
                    if isinstance(inner, ast.Lambda)
                    for part in ast.walk(inner.args)
                )
                best = max(best, (count, str(path.relative_to(folder)), node.lineno))
    return best


async def _measure() -> list[Row]:
    task = str(package_file("examples/most_parameters.txt"))
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "library"
        files, size = _copy_library(library)
        expected = most_parameters_by_walk(library)
        runs = []
        async with open_loopback_server(most_parameters.policy) as server:
            for _ in range(_REPEATS):
                run = await run_rlm(
                    "run", task, "-c", str(library), "-m", "any", "--base-url", server.base_url,
                    "--trace-dir", folder, "-q",
                )  # fmt: skip
                assert run.status == 0, run.stderr
                answer = json.loads(run.stdout)
                given = (answer["parameters"], answer["file"], answer["line"])
                assert given == expected, (given, expected)
                runs.append(run)
    return [
        {
            "files": files,
            "MB": size / 1e6,
            "answer": f"{answer['name']} in {answer['file']}: {answer['parameters']}",
            "equals the independent count": True,
            **{f"{k} s": v for k, v in percentiles([run.seconds for run in runs]).items()},
            "peak RSS MB of the tree": max(run.peak_rss_mb for run in runs),
        }
    ]


def measure() -> None:
    """Measure, and report."""
    report("stdlib_question", anyio.run(_measure), compared="nothing published to compare with")


if __name__ == "__main__":
    measure()
