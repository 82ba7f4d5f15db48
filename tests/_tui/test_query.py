from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._tui.finding.quantities import read_count, read_dollars, read_seconds
from rlm_runtime._tui.finding.query import (
    NAMES,
    NumberTerm,
    QueryError,
    WordTerm,
    parse_query,
)


def test_terms_are_read_with_their_units() -> None:
    assert parse_query('depth>1 cost>=$0.01 status:error model:mini text:"the flood"') == (
        (
            NumberTerm(name="depth", comparison=">", value=1),
            NumberTerm(name="cost", comparison=">=", value=0.01),
            WordTerm(name="status", value="error"),
            WordTerm(name="model", value="mini"),
            WordTerm(name="text", value="the flood"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("seconds<2m", NumberTerm(name="time", comparison="<", value=120)),
        ("tokens>1.5k", NumberTerm(name="tokens", comparison=">", value=1500)),
        ("calls:3", NumberTerm(name="calls", comparison="=", value=3)),
        ("node!=0", NumberTerm(name="node", comparison="=", value=0, negated=True)),
        ("-depth=0", NumberTerm(name="depth", comparison="=", value=0, negated=True)),
        ("not kind:node", WordTerm(name="kind", value="node", negated=True)),
        ("NOT -status!=Limit", WordTerm(name="status", value="limit", negated=True)),
        ("status:max_cost", WordTerm(name="status", value="max_cost")),
        ("tool:search", WordTerm(name="tool", value="search")),
        ("flood", WordTerm(name="text", value="flood")),
        ('"a:b or c"', WordTerm(name="text", value="a:b or c")),
        ("-", WordTerm(name="text", value="-")),
    ],
)
def test_a_term_is_read(text: str, term: object) -> None:
    assert parse_query(text) == ((term,),)


def test_or_separates_and_binds_less_than_a_space() -> None:
    a, b, c = (WordTerm(name="text", value=value) for value in "abc")
    assert parse_query("a and b or c") == ((a, b), (c,))


def test_nothing_is_a_query_without_terms() -> None:
    assert parse_query("   ") == ()


@pytest.mark.parametrize(
    ("text", "place", "possible"),
    [
        ("depth>1 cots>2", 8, "cost"),
        ("depth>", 6, "2"),
        ("cost>abc", 5, "$0.01"),
        ("time>2 m status:eror", 16, "crashed"),
        ("model>x", 5, ":"),
        ('x text:"flood', 7, '"'),
        ('text:""', 7, "quotes"),
        ("or x", 0, "term"),
        ("x or", 4, "term"),
        ("x not", 5, "term"),
        ("kind:root", 5, "completion"),
    ],
)
def test_an_error_names_the_place_and_what_is_possible(
    text: str, place: int, possible: str
) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert caught.value.place == place
    assert possible in caught.value.possible


@given(
    st.text()
    | st.lists(
        st.sampled_from([*NAMES, ">", "<", ">=", ":", "=", "!=", '"', "-", "not", "or", " ", "1k"])
        | st.text(max_size=3)
    ).map("".join)
)
def test_any_text_is_a_query_or_gives_its_error(text: str) -> None:
    try:
        parse_query(text)
    except QueryError as exc:
        assert 0 <= exc.place <= len(text)
        assert exc.possible


def test_numbers_have_units() -> None:
    assert [read_count(text) for text in ("12", "1.5k", "2M", "x", "", "1e9", "-1")] == [
        12,
        1500,
        2e6,
        None,
        None,
        None,
        None,
    ]
    assert [read_dollars(text) for text in ("$0.01", ".5", "3", "$", ".", "$1k")] == [
        0.01,
        0.5,
        3,
        None,
        None,
        None,
    ]
    assert [read_seconds(text) for text in ("90", "1.5s", "300ms", "1h2m05", "2min", "", "x")] == [
        90,
        1.5,
        0.3,
        3725,
        120,
        None,
        None,
    ]
