from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from rlm_runtime import testing
from tests.testing.asking import BODY


def run_module(*options: str, cwd: Path) -> subprocess.Popen[str]:
    (cwd / "my_policies.py").write_text(
        "def echo(messages):\n    return messages[-1].content\n\n"
        "number = 1\nby_model = {'m': echo}\n"
    )
    paths = [str(Path(testing.__file__).parents[2]), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-m", "rlm_runtime.testing", *options],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("how_to_end", [signal.SIGINT, signal.SIGTERM])
def test_the_server_runs_from_a_shell(tmp_path: Path, how_to_end: signal.Signals) -> None:
    options = ["--policy", "my_policies:by_model", "--api-key", "k", "--latency", "0.01"]
    with run_module(*options, cwd=tmp_path) as process:
        assert process.stdout is not None
        url = process.stdout.readline().removeprefix("listening on ").strip()
        reply = httpx.post(
            f"{url}/chat/completions",
            json=BODY,
            headers={"authorization": "Bearer k"},
            trust_env=False,
        )
        process.send_signal(how_to_end)
        out, err = process.communicate(timeout=50)
    assert reply.json()["choices"][0]["message"]["content"] == "hello"
    assert (process.returncode, err) == (0, "")
    assert json.loads(out)["requests"] == 1


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("nowhere:echo", "No module named 'nowhere'"),
        ("my_policies:absent", "has no attribute 'absent'"),
        ("my_policies:number", "neither a function nor a mapping"),
        ("", "Empty module name"),
    ],
)
def test_a_policy_that_cannot_be_loaded_is_a_usage_error(
    tmp_path: Path, policy: str, message: str
) -> None:
    with run_module("--policy", policy, cwd=tmp_path) as process:
        _, err = process.communicate(timeout=50)
    assert process.returncode == 2
    assert message in err
