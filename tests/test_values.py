"""The codec under CPython; `e2e/test_value_cases.py` runs the same table through a sandbox."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._values import MalformedValueError, UnsendableError, decode, encode
from tests.examples import examples
from tests.value_cases import CONVERTED, EXACT, REFUSED, make, same


@pytest.mark.parametrize("source", EXACT.values(), ids=EXACT.keys())
def test_exact_values_come_back_as_they_were(source: str) -> None:
    value = make(source)
    assert same(decode(encode(value)), value)


@pytest.mark.parametrize(("source", "expected"), CONVERTED.values(), ids=CONVERTED.keys())
def test_other_types_arrive_as_what_stands_for_them(source: str, expected: str) -> None:
    assert same(decode(encode(make(source))), make(expected))


@pytest.mark.parametrize(("source", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_sent_is_named_with_its_place(source: str, message: str) -> None:
    with pytest.raises(UnsendableError) as caught:
        encode(make(source))
    assert message in str(caught.value)


def forge(tree: object, blobs: bytes = b"") -> bytes:
    text = json.dumps(tree).encode()
    return len(text).to_bytes(8, "big") + text + blobs


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 7,
        b"\xff" * 8,
        (5).to_bytes(8, "big") + b"nu",
        (4).to_bytes(8, "big") + b"nullX",
        (2).to_bytes(8, "big") + b"\xff\xff",
        forge({"$": "int", "v": 5}),
        forge({"$": "eval", "v": "1"}),
        forge({"$": ["tuple"], "v": []}),
        forge({"$": "tuple", "v": "ab"}),
        forge({"$": "tuple"}),
        forge({"$": "tuple", "v": [], "w": 1}),
        forge({"$": "dict", "v": [1]}),
        forge({"$": "dict", "v": [[], 1]}),
        forge({"$": "set", "v": [{}]}),
        forge({"$": "bytes", "v": 1}),
        forge({"$": "bytes", "v": -1}),
        forge({"$": "bytes", "v": True}, b"x"),
        forge([{"$": "bytes", "v": 2}, {"$": "bytes", "v": 2}], b"abc"),
        forge({"$": "uuid", "v": 5}),
        forge({"$": "decimal", "v": "x"}),
        forge({"$": "decimal", "v": {}}),
        forge({"$": "fraction", "v": ["1", "0"]}),
        forge({"$": "fraction", "v": ["1", "-2"]}),
        forge({"$": "fraction", "v": ["1"]}),
        forge({"$": "date", "v": "2020-13-01"}),
        forge({"$": "datetime", "v": ["2020-01-01", 0, "../../etc/passwd"]}),
        forge({"$": "datetime", "v": ["2020-01-01", 0, "No/Such"]}),
        forge({"$": "datetime", "v": ["2020-01-01", 0, [10**9, 0, 0, None]]}),
        forge({"$": "timedelta", "v": [10**12]}),
        forge({"$": "path", "v": 3}),
        b"\0\0\0\0\0\0\x27\x10" + b"[" * 10000,
        b"\0\0\0\0\0\0\x27\x10" + b"[" * 5000 + b"]" * 5000,
        b"\0\0\0\0\0\0\x27\x10" + b"9" * 10000,
    ],
)
def test_forged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedValueError):
        decode(data)


def test_keys_made_to_collide_are_refused() -> None:
    modulus = 2**61 - 1
    keys = [{"$": "int", "v": hex(i * modulus)} for i in range(2000)]
    with pytest.raises(MalformedValueError, match="same hash"):
        decode(forge({"$": "set", "v": keys}))


def test_a_key_whose_repr_raises_is_still_named() -> None:
    class Key:
        def __repr__(self) -> str:
            raise RuntimeError

    with pytest.raises(UnsendableError, match="<Key>"):
        encode({Key(): 1})


keys = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())
leaves = st.one_of(
    keys,
    st.complex_numbers(),
    st.decimals(),
    st.fractions(),
    st.dates(),
    st.times(),
    st.datetimes(),
    st.timedeltas(),
    st.uuids(),
    st.text(st.characters(codec=None)),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(keys, inner),
        st.sets(keys),
        st.frozensets(keys),
    ),
    max_leaves=30,
)


@given(values)
@settings(max_examples=examples(300), deadline=None)
def test_any_value_comes_back(value: object) -> None:
    assert same(decode(encode(value)), value)


@given(st.binary(max_size=200), st.integers(0, 60))
@settings(max_examples=examples(300), deadline=None)
def test_any_bytes_decode_or_are_refused(data: bytes, size: int) -> None:
    for candidate in (data, size.to_bytes(8, "big") + data):
        try:
            decode(candidate)
        except MalformedValueError:
            pass


def test_forged_parts_of_a_fraction_cost_no_time() -> None:
    parts = [hex(3**2_000_000), hex(7**700_000)]
    started = time.process_time()
    decode(forge({"$": "fraction", "v": parts}))
    assert time.process_time() - started < 1


def test_containers_are_counted_before_they_are_made() -> None:
    text = b"[" + b"[]," * 20_000_000 + b"0]"
    with pytest.raises(MalformedValueError, match="more than 20,000,000 lists"):
        decode(len(text).to_bytes(8, "big") + text)
