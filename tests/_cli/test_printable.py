"""Model text cannot steer the terminal."""

from __future__ import annotations

import time

import pytest

from rlm_runtime._cli.printable import one_line, printable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "plain\n\ttext é \U0001f469\u200d\U0001f680",
            "plain\n\ttext é \U0001f469\u200d\U0001f680",
        ),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;Y2xpcA==\x1b\\after", "after"),
        ("\x9b2Jcleared", "cleared"),
        ("\x1bcreset", "reset"),
        ("never closed \x1b]0;text stays", "never closed 0;text stays"),
        ("\x1b[", ""),
        ("a\rb\x08c\x7f\x00", "abc"),
        ("\u202eright to left", "right to left"),
        ("lone \ud800", "lone "),
        ("[bold]no markup[/b]", "[bold]no markup[/b]"),
    ],
)
def test_control_is_taken_out_and_text_stays(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_no_escape_character_survives_in_nested_sequences() -> None:
    assert "\x1b" not in printable("\x1b\x1b[[31m\x1b]\x1b[0m\x1b")


def test_hostile_text_takes_no_time() -> None:
    started = time.monotonic()
    printable("\x1b]" * 20_000 + "\x1b[" * 200_000 + "\x1b[" + "0" * 1_000_000)
    assert time.monotonic() - started < 5


def test_one_line_is_one_line_and_short() -> None:
    assert one_line("a\r\n  b\tc") == "a b c"
    assert one_line("x" * 81) == "x" * 79 + "…"
    assert one_line("x" * 80) == "x" * 80
