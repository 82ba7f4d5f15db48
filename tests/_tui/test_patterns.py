from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._tui.finding.automaton import _MOST_CHARS, _MOST_STATES, Automaton
from rlm_runtime._tui.finding.needle import PatternNeedle, make_needle
from rlm_runtime._tui.finding.patterns import PatternError, read_pattern

ATOMS = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    r"\w",
    r"(?:\b)",
    r"(?:\B)",
    "(^)",
    "($)",
    r"\d",
    "(a|b)",
    "(?:ab)",
]
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}", "*?"]
PATTERNS = st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)), max_size=5).map(
    lambda parts: "".join(atom + repeat for atom, repeat in parts)
)
SHORT = st.text(alphabet="ab1 \n", min_size=1, max_size=8)


def first(pattern: str, text: str) -> str | None:
    """Give what a pattern finds in a text."""
    needle = PatternNeedle(pattern)
    *_, at = needle.search(text)
    return needle.matched(text, at) if at >= 0 else None


@given(st.tuples(PATTERNS, PATTERNS), SHORT)
def test_it_finds_what_the_library_finds(patterns: tuple[str, str], text: str) -> None:
    pattern = "|".join(filter(None, patterns)) or "a"
    # Its $ means the end of a line here
    known = re.search(pattern, text, re.MULTILINE)
    assert (first(pattern, text) is not None) == (known is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"key\w+", "a KeyError: x", "KeyError"),
        (r"Key\w+", "a keyerror: x", None),
        (r"\S+rror", "a KeyError", "KeyError"),
        (r"\bflood\b", "floods, flood", "flood"),
        ("a{2,3}b", "aaaab", "aaab"),
        ("[^0-9]+x", "12ab x", "ab x"),
        ("^b", "a\nb", "b"),
        (r"\$1\.5", "$1.5", "$1.5"),
        ("[]a]+", "x]a]", "]a]"),
        (r"[\d-]+z", "1-2z", "1-2z"),
        ("(ab|c)+$", "xabcab", "abcab"),
    ],
)
def test_what_is_found(pattern: str, text: str, found: str | None) -> None:
    assert first(pattern, text) == found


@pytest.mark.parametrize(
    ("pattern", "place"),
    [
        ("a(b", 1),
        ("a)b", 1),
        ("[ab", 0),
        ("*a", 0),
        ("a**", 2),
        ("a{3,2}", 1),
        ("(?=a)", 1),
        (r"(a)\1", 4),
        ("a\\", 2),
        ("[z-a]", 4),
        ("(a{99}){99}", 2),
        ("(" * 60, 51),
    ],
)
def test_an_error_names_its_place(pattern: str, place: int) -> None:
    with pytest.raises(PatternError) as caught:
        make_needle(f"re:{pattern}")
    assert caught.value.place == place
    assert caught.value.possible


@given(st.text() | st.text(alphabet="ab()[]{}*+?|\\^$-,12w."))
def test_any_text_is_a_pattern_or_gives_its_error(text: str) -> None:
    try:
        read_pattern(text, exact=True)
    except PatternError as exc:
        assert 0 <= exc.place <= len(text)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", r"\w+:", "(a*)*(a*)*c", "(.*a){12}x"])
def test_no_pattern_takes_longer_than_the_text_is_long(pattern: str) -> None:
    """The library would take hours for each of these, and the test would run out of time."""
    assert first(pattern, "a" * 300_000) is None


def test_the_states_that_are_kept_are_bounded() -> None:
    automaton = Automaton(*read_pattern("a.{12}b", exact=True))
    chance = random.Random(1)
    text = "".join(chance.choice("ac") for _ in range(20_000))
    state, at = automaton.ends(automaton.start, text)
    assert at == -1
    assert len(automaton._states) <= _MOST_STATES
    automaton.ends(automaton.start, "".join(map(chr, range(0x4E00, 0x4E00 + 5_000))))
    assert max(map(len, automaton._states.values())) <= _MOST_CHARS
