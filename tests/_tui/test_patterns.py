from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._errors import ConfigError
from rlm_runtime._tui.finding.needle import PatternNeedle, make_needle

ATOMS = [
    "a",
    "b",
    ".",
    "[ab]",
    "[^a]",
    r"\w",
    r"(?:\b)",
    "(^)",
    "($)",
    r"\d",
    "(a|b)",
    "(?:ab)",
]
REPEATS = ["", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{1,}", "*?"]
PATTERNS = (
    st.lists(st.tuples(st.sampled_from(ATOMS), st.sampled_from(REPEATS)), max_size=5)
    .map(lambda parts: "".join(atom + repeat for atom, repeat in parts))
    # More of them are refused, as if each one were inside of the one before
    .filter(lambda pattern: pattern.count("{") <= 2)
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
    known = any(re.search(pattern, line) for line in text.split("\n"))
    assert (first(pattern, text) is not None) == known


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
        ("^ab?c$", "abbc", None),
    ],
)
def test_what_is_found(pattern: str, text: str, found: str | None) -> None:
    assert first(pattern, text) == found


@pytest.mark.parametrize(
    "pattern",
    ["a(b", "a)b", "[ab", "*a", "a{3,2}", "(?=a)", r"(a)\1", "a\\", "(a{99}){999}", "x" * 501],
)
def test_what_cannot_be_read_is_an_error_that_names_the_pattern(pattern: str) -> None:
    with pytest.raises(ConfigError, match="Cannot use") as caught:
        make_needle(f"re:{pattern}")
    assert "(?i" not in str(caught.value)


@given(st.text() | st.text(alphabet="ab()[]{}*+?|\\^$-,12w."))
def test_any_text_is_a_pattern_or_gives_its_error(text: str) -> None:
    try:
        make_needle(f"re:{text}")
    except ConfigError as exc:
        assert str(exc)


def test_it_is_found_in_lines_of_any_length_and_over_the_ends_of_pieces() -> None:
    for at in (65_400, 65_530, 65_536, 131_000, 199_990):
        text = "." * at + "flood 7" + "." * 1_000
        assert first(r"flood \d", text) == "flood 7"
        assert first(r"flood \d", text.replace(".", "\n")) == "flood 7"
        *_, found = PatternNeedle(r"flood \d").search(text)
        assert found == at


def test_a_text_that_is_no_unicode_is_looked_through() -> None:
    assert first("flood", "\ud800 flood") == "flood"


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|a)*b", r"\w+:", "(a*)*(a*)*c", "(.*a){12}x"])
def test_no_pattern_takes_longer_than_the_text_is_long(pattern: str) -> None:
    """The library would take hours for each of these, and the test would run out of time."""
    assert first(pattern, "a" * 300_000) is None
