"""What a sandbox's values may take in the host, and that they are taken at all."""

from __future__ import annotations

import json
import tracemalloc

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._payload import Payload
from rlm_runtime._sandbox.intake import Intake, weigh
from rlm_runtime._values import MalformedValueError, decode, encode
from tests.examples import examples
from tests.forgery import ODD
from tests.value_cases import EXACT, make, same

pytestmark = pytest.mark.anyio

MEMORY = 1024 << 20


def forged(text: bytes, blobs: bytes = b"") -> Payload:
    return Payload("value", len(text).to_bytes(8, "big") + text + blobs)


UNITS = [
    *(b"[]", b"{}", b"[[]]", b'{"a":{}}', b'{"a":1}', b'"ab"', b"1.5", b"1000", b'"\xc3\xa9x"'),
    '"\U0001f600"'.encode(),
    *(b'{"$":"set","v":[]}', b'{"$":"frozenset","v":[1]}', b'{"$":"tuple","v":[[]]}'),
    *(b'{"$":"dict","v":[1,2]}', b'{"$":"dict","v":[]}', b'{"$":"date","v":"2020-01-01"}'),
    *(b'{"$":"path","v":"a"}', b'{"$":"uuid","v":"12345678123456789abcdef012345678"}'),
    *(b'{"$":"int","v":"f"}', b'{"$":"complex","v":[1,2]}', b'{"$":"bytes","v":0}'),
    *(b'{"$":"decimal","v":"1"}', b'{"$":"fraction","v":["1","2"]}', b'{"$":"timedelta","v":[]}'),
    b'{"$":"datetime","v":["2020-01-01",0,[0,3600,0,null]]}',
]


@pytest.mark.parametrize("unit", UNITS, ids=bytes.decode)
def test_decoding_takes_no_more_than_was_estimated(unit: bytes) -> None:
    payload = forged(b"[" + (unit + b",") * 5_000 + b"0]")
    tracemalloc.start()
    try:
        decode(payload.data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    weight = weigh(payload, MEMORY)
    assert peak < 1.3 * weight + 100_000
    # Nor is what is honest refused for nothing
    assert weight < 8 * peak


@pytest.mark.parametrize("text", ["x", "é", "漢", "\U0001f600"])
def test_text_is_weighed_by_its_widest_character(text: str) -> None:
    data = b"x" * 3_000_000 + text.encode()
    value = data.decode()
    assert value.__sizeof__() - 100 <= weigh(Payload("utf8", data), MEMORY)
    assert weigh(Payload("utf8", data), MEMORY) <= 2 * value.__sizeof__()
    assert weigh(Payload("bytes", data), MEMORY) == len(data)


@pytest.mark.parametrize("name", EXACT)
async def test_every_value_of_the_table_is_taken(name: str) -> None:
    value = make(EXACT[name])
    async with Intake(64 << 20).value(Payload("value", encode(value))) as taken:
        assert same(taken, value)


@pytest.mark.parametrize(
    "value",
    [
        [f"secret-{number:012}" for number in range(1_000_000)],
        [[str(number), "a name", 1.5] for number in range(300_000)],
        [{"id": number, "name": "a name", "ok": True} for number in range(300_000)],
        {"text": "x" * 100_000_000},
        ["one line of a book, as they come\n" * 3] * 1_000_000,
    ],
    ids=["a million strings", "a table", "records", "100 MB of text", "100 MB of lines"],
)
async def test_large_honest_values_are_taken(value: object) -> None:
    # A sandbox has 512 MiB unless it is told otherwise, of which twice as much may be held
    async with Intake(MEMORY).value(Payload("value", encode(value))) as taken:
        assert taken == value


@pytest.mark.parametrize(
    "payload",
    [
        forged(b"[" + b"[]," * 1_000_000 + b"0]"),
        forged(b"[" + b"[[[[[[]]]]]]," * 200_000 + b"0]"),
        forged(b"[" + b'{"":0},' * 400_000 + b"0]"),
        forged(b"[" + b"1.5," * 4_000_000 + b"0]"),
        Payload("utf8", b"x" * 40_000_000 + "\U0001f600".encode()),
        Payload("bytes", bytes((128 << 20) + 1)),
    ],
    ids=["lists", "lists in lists", "dicts", "numbers", "wide text", "bytes"],
)
async def test_a_value_that_would_take_too_much_is_refused_before_it_is_made(
    payload: Payload,
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(MalformedValueError, match="a value that takes more than 128 MiB"):
            async with Intake(128 << 20).value(payload):
                pass
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


async def test_values_that_are_too_much_together_wait_for_each_other() -> None:
    intake = Intake(10_000_000)
    inside: list[int] = []
    leave = [anyio.Event() for _ in range(4)]
    arrived = anyio.Event()

    async def take(number: int) -> None:
        async with intake.value(Payload("bytes", bytes(4_000_000))):
            inside.append(number)
            if len(inside) == 2:
                arrived.set()
            await leave[number].wait()
            inside.remove(number)

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(take, number)
            await arrived.wait()
            for number in range(4):
                assert len(inside) <= 2
                while number not in inside:  # noqa: ASYNC110 - nothing tells of it
                    await anyio.lowlevel.checkpoint()
                leave[number].set()
    assert not inside


async def test_one_that_gives_up_makes_room() -> None:
    intake = Intake(1_000_000)
    waiting = Payload("bytes", bytes(900_000))
    async with intake.value(Payload("bytes", bytes(900_000))):
        with anyio.move_on_after(0.05) as scope:
            async with intake.value(waiting):
                raise AssertionError("both were taken")
        assert scope.cancelled_caught
    with anyio.fail_after(5):
        async with intake.value(waiting) as taken:
            assert taken == bytes(900_000)


def tampered(data: bytes, place: int, odd: bytes) -> bytes:
    size = 8 + int.from_bytes(data[:8], "big")
    text, blobs = data[8:size], data[size:]
    place %= len(text)
    text = text[:place] + odd + text[place + 1 :]
    return len(text).to_bytes(8, "big") + text + blobs


odd = st.sampled_from(ODD) | st.binary(max_size=5)


@given(st.sampled_from(sorted(EXACT)), st.lists(st.tuples(st.integers(0, 10**6), odd), max_size=4))
@settings(max_examples=examples(300), deadline=None)
def test_a_value_that_was_tampered_with_is_one_or_is_refused(
    name: str, changes: list[tuple[int, bytes]]
) -> None:
    data = encode(make(EXACT[name]))
    for place, change in changes:
        data = tampered(data, place, change)
    try:
        decode(data)
    except MalformedValueError:
        pass


TREES = st.recursive(
    st.sampled_from(["ff", "2020-01-01", 0, -1, 1.5, None, True, 10**30, float("nan"), "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.fixed_dictionaries(
            {
                "$": st.sampled_from(
                    "str int complex bytes bytearray date time datetime timedelta decimal fraction"
                    " uuid path winpath tuple set frozenset dict none".split()
                ),
                "v": inner,
            }
        )
    ),
    max_leaves=12,
)


@given(TREES, st.binary(max_size=4))
@settings(max_examples=examples(500), deadline=None)
def test_tags_in_any_order_are_a_value_or_are_refused(tree: object, blobs: bytes) -> None:
    text = json.dumps(tree, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        decode(forged(text, blobs).data)
    except MalformedValueError:
        pass
