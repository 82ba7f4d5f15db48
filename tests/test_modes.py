"""When a run is answered directly, and what is said of it."""

from __future__ import annotations

import pytest

from rlm_runtime._errors import ConfigError
from rlm_runtime._modes import DIRECT_BELOW_CHARS, AskedMode, Mode, check_mode, choose_mode

SAME = "query"


def chosen(
    asked: AskedMode,
    context: object,
    *,
    query: str = SAME,
    below_chars: int = 100,
    most_chars: int = 1000,
    needs_code: str | None = None,
) -> tuple[Mode, str]:
    choice = choose_mode(
        asked,
        query,
        context,
        below_chars=below_chars,
        most_chars=most_chars,
        needs_code=needs_code,
    )
    return choice.mode, choice.reason


@pytest.mark.parametrize(
    ("context", "mode", "reason"),
    [
        ("c" * 94, "direct", "query and context have 99 characters, fewer than direct_below_chars"),
        ("c" * 95, "rlm", "query and context have 100 characters, not fewer than direct_below_ch"),
        # The query is its own context, and is not counted twice
        (SAME, "direct", "query and context have 5 characters, fewer"),
        ({"a": "x" * 40, "b": "y" * 40}, "direct", "query and context have 87 characters, fewer"),
        ({"a": "x" * 40, "b": "y" * 90}, "rlm", "query and context have 137 characters, not"),
        ({"n" * 200: ""}, "rlm", "query and context have 205 characters, not"),
        ("", "direct", "query and context have 5 characters"),
        ({}, "direct", "query and context have 5 characters"),
        ({"a": 1}, "rlm", "the context is of type dict, which code reads better"),
        ({1: "a"}, "rlm", "the context is of type dict, which"),
        (["a"], "rlm", "the context is of type list, which"),
        (b"a", "rlm", "the context is of type bytes, which"),
        (None, "rlm", "the context is of type NoneType, which"),
    ],
)
def test_auto_is_direct_for_little_text(context: object, mode: Mode, reason: str) -> None:
    found, said = chosen("auto", context)
    assert (found, said[: len(reason)]) == (mode, reason)


def test_auto_never_gives_a_model_more_than_its_window() -> None:
    said = "query and context have 50 characters, more than the 49 of the model's window"
    assert chosen("auto", "c" * 45, most_chars=49) == ("rlm", said)
    assert chosen("auto", "c" * 45, most_chars=50)[0] == "direct"


def test_auto_keeps_to_code_where_only_code_can_use_what_there_is() -> None:
    assert chosen("auto", "", needs_code="packages") == (
        "rlm",
        "the run has packages, which only code can use",
    )


@pytest.mark.parametrize("context", ["c" * 1_000_000, [1], b"x", "short"])
def test_what_is_asked_for_is_done(context: object) -> None:
    assert chosen("rlm", context, needs_code="packages") == ("rlm", "")
    assert chosen("direct", context, needs_code="packages") == ("direct", "it was asked for")


def test_settings_that_make_no_sense_are_refused() -> None:
    check_mode("auto", 0)
    with pytest.raises(ConfigError, match="Cannot set mode to 'fast': it must be one of rlm, dir"):
        check_mode("fast", DIRECT_BELOW_CHARS)
    with pytest.raises(ConfigError, match="direct_below_chars to -1: it must be 0 or more"):
        check_mode("auto", -1)
