"""Every error has its exit status and reads as lines that say what to do."""

from __future__ import annotations

import pytest

from rlm_runtime._cli.output import OutputError
from rlm_runtime._cli.status import describe_error, exit_status
from rlm_runtime._errors import (
    ConfigError,
    InputError,
    LimitExceededError,
    ModelAuthenticationError,
    ModelError,
    ModelRateLimitError,
    ModelReplyError,
    ModelUnavailableError,
    NoAnswerError,
    RLMError,
    SandboxError,
    SandboxStartError,
    TraceError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("x"), 10),
        (ConfigError("x"), 11),
        (TraceError("x"), 11),
        (ModelError("x"), 20),
        (ModelAuthenticationError("x", status=401), 20),
        (ModelUnavailableError("x"), 20),
        (ModelRateLimitError("x"), 20),
        (ModelReplyError("x"), 20),
        (SandboxError("x"), 21),
        (SandboxStartError("x"), 21),
        (LimitExceededError("x", stop_reason="max_calls"), 30),
        (NoAnswerError("x", stop_reason="no_answer"), 30),
        (RLMError("x"), 1),
        (OutputError("x"), 1),
        (ValueError("x"), 1),
    ],
)
def test_exit_status(error: Exception, status: int) -> None:
    assert exit_status(error) == status


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (InputError("Cannot read it"), ["Cannot read it"]),
        (
            ModelAuthenticationError("Refused"),
            [
                "Refused",
                "hint: the key comes from RLM_API_KEY, OPENAI_API_KEY or the provider's variable",
            ],
        ),
        (
            ModelUnavailableError("No connection"),
            ["No connection", "hint: see that a server runs there; --base-url names another one"],
        ),
        (
            ModelUnavailableError("503", status=503),
            ["503", "hint: --max-attempts and --max-retry-seconds give it more patience"],
        ),
        (
            ModelError("404", status=404),
            ["404", "hint: -m names a model that is served there; most base URLs end in /v1"],
        ),
        (
            LimitExceededError("Cannot go on", stop_reason="max_calls"),
            ["Cannot go on", "hint: --max-calls raises this limit"],
        ),
        (NoAnswerError("No answer", stop_reason="no_answer"), ["No answer"]),
        (
            ValueError("odd"),
            ["Unexpected ValueError: odd", "hint: --debug shows where it happened"],
        ),
    ],
)
def test_error_lines(error: Exception, lines: list[str]) -> None:
    assert describe_error(error).splitlines() == [f"rlm: {line}" for line in lines]


def test_notes_are_hints() -> None:
    error = InputError("Cannot")
    error.add_note("do that")
    assert describe_error(error) == "rlm: Cannot\nrlm: hint: do that"


def test_traceback_is_shown_for_debugging_only() -> None:
    try:
        raise RLMError("Cannot")
    except RLMError as exc:
        assert "Traceback" not in describe_error(exc)
        assert 'raise RLMError("Cannot")' in describe_error(exc, debug=True)
