"""Text of others cannot steer the terminal, and what it tried can be seen."""

from __future__ import annotations

import time

import pytest

from rlm_runtime._printable import one_line, printable
from tests.hostile_text import HOSTILE, OBEYED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "plain\n\ttext é \U0001f469\u200d\U0001f680",
            "plain\n\ttext é \U0001f469\u200d\U0001f680",
        ),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07after", r"\x1b]0;title\x07after"),
        ("\x9b2Jcleared\x7f", r"\u009b2Jcleared\u007f"),
        ("a\r\nb\rc\x08\x00", "a\nb\\x0dc\\x08\\x00"),
        ("\u202eright to left", r"\u202eright to left"),
        ("line\u2028end\ufeff\u200b", r"line\u2028end\ufeff\u200b"),
        ("tag \U000e0041", r"tag \U000e0041"),
        ("lone \ud800", r"lone \ud800"),
        ("[bold]no markup[/b]", "[bold]no markup[/b]"),
    ],
)
def test_what_a_terminal_obeys_is_shown_and_text_stays(text: str, expected: str) -> None:
    assert printable(text) == expected


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_is_obeyed_is_left(text: str) -> None:
    assert not OBEYED.search(printable(text))
    assert printable(printable(text)) == printable(text)
    assert not OBEYED.search(one_line(text))


def test_no_character_beyond_those_is_changed() -> None:
    every = "".join(map(chr, range(0x110000))).replace("\r", "")
    kept = OBEYED.sub("", every)
    assert printable(kept) == kept
    assert not OBEYED.search(printable(every))


def test_hostile_text_takes_no_time() -> None:
    started = time.monotonic()
    printable("\x1b]" * 20_000 + "\x1b[" * 200_000 + "\x1b[" + "0" * 1_000_000)
    assert time.monotonic() - started < 5


def test_one_line_is_one_line_and_short() -> None:
    assert one_line("a\r\n  b\tc") == "a b c"
    assert one_line("x" * 81) == "x" * 79 + "…"
    assert one_line("x" * 80) == "x" * 80
