"""Values in few words: never their content, and never for much time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import pytest

from rlm_runtime._describe import approximate_bytes, describe, preview

SECRET = "sesame"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "a str of 0 characters in 1 line"),
        ("x", "a str of 1 character in 1 line"),
        ("a\nb\n" * 1000, "a str of 4,000 characters in 2,001 lines"),
        (b"", "bytes of length 0"),
        (bytearray(1_500_000), "bytearray of length 1,500,000"),
        ([], "a list of 0 items"),
        ((1,), "a tuple of 1 item, each of type int"),
        ({1, 2}, "a set of 2 items, each of type int"),
        (frozenset(), "a frozenset of 0 items"),
        (["ab", "c"], "a list of 2 items, each of type str, 3 characters in all"),
        ([1, 2.5, 1], "a list of 3 items, each of type int and float"),
        ({}, "a dict of 0 items"),
        (
            {"a.py": "x", "b.py": "yz"},
            "a dict of 2 items, keyed by str ('a.py', 'b.py'), each of type str, 3 characters"
            " in all",
        ),
        (
            dict.fromkeys(range(4)),
            "a dict of 4 items, keyed by int (0, 1, 2, …), each of type NoneType",
        ),
        (
            [{"id": 1, "name": "x"}, {"id": 2}],
            "a list of 2 items, each of type dict, the first with the keys 'id', 'name'",
        ),
        (None, "of type NoneType"),
        (7, "of type int"),
        (date(2026, 1, 2), "of type date"),
    ],
)
def test_description(value: object, words: str) -> None:
    assert describe(value) == words


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        SECRET.encode(),
        [SECRET],
        (SECRET, 1),
        {SECRET},
        {"key": SECRET},
        {"key": {"inner": SECRET}},
        [{"key": SECRET}],
        [[SECRET]],
        {**dict.fromkeys("abc"), SECRET: 1},
        PurePosixPath(SECRET),
    ],
    ids=repr,
)
def test_no_content_is_told_but_the_first_keys(value: object) -> None:
    assert SECRET not in describe(value)


def test_long_keys_are_cut() -> None:
    words = describe({("k" * 10_000,): [1], "x" * 10_000: [2]})
    assert len(words) < 250
    assert "('kkkk" in words and "xxx…" in words


def large(make: Callable[[int], object]) -> object:
    return [make(number) for number in range(1_000_000)]


LARGE: dict[str, Callable[[], object]] = {
    "str": lambda: "line\n" * 10_000_000,
    "numbers": lambda: large(lambda number: number),
    "texts": lambda: large(str),
    "dict": lambda: {str(number): number for number in range(1_000_000)},
    "records": lambda: [{f"field{n}": n for n in range(20)} for _ in range(100_000)],
    "nested": lambda: [[[[str(n)] * 40] * 40] * 40 for n in range(40)],
    "set": lambda: set(range(1_000_000)),
    "bytes": lambda: bytes(100_000_000),
    "huge int": lambda: [7**2_000_000],
}


@pytest.mark.parametrize("name", LARGE)
def test_a_large_value_costs_little_time_and_text(name: str) -> None:
    value = LARGE[name]()
    started = time.process_time()
    words, shown, size = describe(value), preview(value), approximate_bytes(value)
    assert time.process_time() - started < 1.0
    assert len(words) < 300
    assert len(shown) < 4100
    assert size > 100_000


@pytest.mark.parametrize(
    "value",
    [
        None,
        -1.5,
        [1, "two", b"3", (4,), (), {5}, frozenset({6}), {"seven": [8]}],
        {(1, 2): Decimal("1.10"), None: date(2026, 1, 2)},
        [set(), frozenset(), {}, []],
        "it's",
    ],
    ids=repr,
)
def test_the_preview_of_a_small_value_is_all_of_it(value: object) -> None:
    assert preview(value) == (value if isinstance(value, str) else repr(value))


def test_the_preview_of_a_long_str_counts_what_is_missing() -> None:
    assert preview("x" * 10_000) == "x" * 4000 + "… (6,000 characters more)"
    assert preview("x" * 4000) == "x" * 4000


def test_the_preview_of_a_large_value_is_its_beginning() -> None:
    assert preview(b"x" * 3997) == repr(b"x" * 3997)
    assert preview(b"x" * 3998) == repr(b"x" * 3998)[:3999] + "…"
    shown = preview(list(range(100_000)))
    assert shown.startswith("[0, 1, 2, ") and shown.endswith("…")
    assert len(shown) == 4000


def test_what_python_cannot_write_in_decimal_has_a_preview() -> None:
    assert preview(10**3000) == str(10**3000)
    assert preview([-(2**40_000)]).startswith("[-0x10000000")
    assert preview((1, Fraction(10**5000, 3))) == "(1, <Fraction>)"
    assert describe({10**5000: 1}).startswith("a dict of 1 item, keyed by int (0x")


def test_a_cycle_has_an_end() -> None:
    cycle: list[object] = [1]
    cycle.append(cycle)
    assert preview(cycle).startswith("[1, [1, [1, ") and "…" in preview(cycle)
    assert approximate_bytes(cycle) > 0


def exact_bytes(value: object) -> int:
    size = sys.getsizeof(value)
    match value:
        case dict():
            return size + sum(exact_bytes(k) + exact_bytes(v) for k, v in value.items())
        case list() | tuple() | set() | frozenset():
            return size + sum(map(exact_bytes, value))
    return size


SIZED: dict[str, Callable[[], object]] = {
    "number": lambda: 5,
    "text": lambda: "x" * 10_000,
    "nothing in it": lambda: [],
    "one huge file": lambda: {
        **{f"{n}.py": "x" * 100 for n in range(20_000)},
        "big": "x" * 50_000_000,
    },
    "many texts": lambda: [str(n) * (n % 50) for n in range(500_000)],
    "records": lambda: [{"id": n, "tags": ["a", "b"], "text": "x" * n} for n in range(5000)],
    "one large field of many": lambda: [
        {**{f"field{k}": k for k in range(20)}, "text": f"{n}" * 2000} for n in range(10_000)
    ],
    "very many records": lambda: [{"id": n, "text": str(n) * 100} for n in range(60_000)],
    "rows": lambda: [tuple(float(n) for n in range(100)) for _ in range(5000)],
    "deep": lambda: [[[[[[str(n) * 100]]]]] for n in range(5000)],
}


@pytest.mark.parametrize("name", SIZED)
def test_the_estimate_of_memory_is_near_the_truth(name: str) -> None:
    value = SIZED[name]()
    exact = exact_bytes(value)
    assert exact / 1.5 <= approximate_bytes(value) <= exact * 1.5


def test_an_object_that_cannot_show_itself_goes_by_its_type() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert preview([Shy(), 1]) == "[<Shy>, 1]"
