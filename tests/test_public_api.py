"""What users may import, and what importing costs them."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import pytest

import rlm_runtime
import rlm_runtime.testing

NAMES = {
    "CallOptions",
    "Completion",
    "ConfigError",
    "Event",
    "InputError",
    "LLM",
    "LimitExceededError",
    "Limits",
    "MCPServer",
    "Message",
    "Model",
    "ModelAuthenticationError",
    "ModelContentFilterError",
    "ModelContextWindowError",
    "ModelError",
    "ModelInfo",
    "ModelRateLimitError",
    "ModelRecallError",
    "ModelReplyError",
    "ModelUnavailableError",
    "NoAnswerError",
    "Price",
    "RLM",
    "RLMError",
    "RunResult",
    "SandboxError",
    "SandboxStartError",
    "Tool",
    "TraceError",
    "Usage",
    "open_otel",
    "read_trace",
    "run_sync",
}
TESTING_NAMES = {
    "Fault",
    "FaultKind",
    "Faults",
    "LoopbackServer",
    "Message",
    "Policy",
    "RecordedRequest",
    "ScriptedLLM",
    "ScriptedReply",
    "ServerStats",
    "open_loopback_server",
}
HEAVY = (
    "anyio",
    "asyncio",
    "httpx",
    "litellm",
    "msgpack",
    "opentelemetry",
    "pydantic",
    "rich",
    "textual",
)


def test_the_names_are_these() -> None:
    assert set(rlm_runtime.__all__) == NAMES
    assert len(rlm_runtime.__all__) == len(NAMES)
    assert set(rlm_runtime.testing.__all__) == TESTING_NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_name_is_there_and_has_a_docstring_of_its_own(name: str) -> None:
    thing = getattr(rlm_runtime, name)
    assert thing.__name__ == name
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert thing.__doc__ and not thing.__doc__.startswith(f"{name}(")


def test_every_error_is_of_the_one_tree() -> None:
    errors = {getattr(rlm_runtime, name) for name in NAMES if name.endswith("Error")}
    assert all(issubclass(error, rlm_runtime.RLMError) for error in errors)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'run_node'"):
        rlm_runtime.run_node  # noqa: B018  # reading it is the test


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import sys, json, rlm_runtime; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(json.loads(done.stdout))


def test_the_library_works_without_litellm_mcp_and_the_viewer() -> None:
    code = "import sys, json, rlm_runtime; rlm_runtime.RLM; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"litellm", "mcp", "opentelemetry", "textual"} & set(json.loads(done.stdout))
