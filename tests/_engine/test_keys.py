"""The key of a request: what it depends on, and what it must not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._engine.bounds import LEFT_LINE, describe_left
from rlm_runtime._engine.keys import comparable, request_key
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message


class Named:
    def __init__(self, name: str = "m", info: ModelInfo | None = None) -> None:
        self.name = name
        self.info = info or ModelInfo(structured_output=True)

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        raise NotImplementedError


def user(text: str) -> Message:
    return Message(role="user", content=text)


def said(text: str) -> Message:
    return Message(role="assistant", content=text)


FIRST = [Message(role="system", content="system"), user("query")]
ASKED = [*FIRST, said("reply"), user("output")]
COUNTS = st.none() | st.integers(0, 10**9)
AMOUNTS = st.none() | st.floats(0, 1e9)
LEFT = st.fixed_dictionaries(
    {"calls": COUNTS, "tokens": COUNTS, "cost": AMOUNTS, "seconds": AMOUNTS}
)


def key(
    messages: Sequence[Message] = ASKED,
    llm: Named | None = None,
    options: CallOptions = NO_OPTIONS,
    *,
    is_completion: bool = False,
) -> str:
    return request_key(llm or Named(), messages, options, is_completion=is_completion)


def observed(left: str, *notices: str, output: str = "output") -> Message:
    text = Prompts.load().observation(observation=output, iteration=1, iterations=9, limits=left)
    return user("\n\n".join([text, *notices]))


def test_it_is_the_same_for_the_same_request_and_is_no_python_hash() -> None:
    assert key() == key([*FIRST, said("reply"), user("output")])
    # It is written into traces: other releases must give the same
    assert key() == "94751ac735179193c454288d49ffd5c2"


@pytest.mark.parametrize(
    "messages",
    [
        ASKED[:-1],
        [*ASKED, said("more")],
        [*FIRST, said("reply"), user("other output")],
        [*FIRST, said("reply"), said("output")],
        [*FIRST, said("repl"), user("youtput")],
        [*FIRST, user("reply"), user("output")],
        [*FIRST[:1], user("Query"), *ASKED[2:]],
        [*FIRST, said("reply assistant 3 out"), user("put")],
        [*FIRST, said("reply"), user("output\ud800")],
    ],
)
def test_it_depends_on_every_message_and_role(messages: Sequence[Message]) -> None:
    assert key(messages) != key()


def test_it_depends_on_model_settings_and_the_schema_that_is_sent() -> None:
    schema = CallOptions(schema={"type": "string"})
    plain = Named(info=ModelInfo())
    keys = {
        key(),
        key(llm=Named("other")),
        key(llm=Named(info=ModelInfo(structured_output=True, settings="warm"))),
        key(options=schema),
        key(options=CallOptions(schema={"type": "integer"})),
    }
    assert len(keys) == 5
    # A model that takes none is not sent one
    assert key(llm=plain, options=schema) == key(llm=plain)


def test_it_does_not_depend_on_what_limits_and_caches_say() -> None:
    assert key(options=CallOptions(max_completion_tokens=7, cache_key="run/0")) == key()


@given(left=LEFT, other=LEFT)
def test_what_is_left_of_the_limits_is_no_part_of_it(
    left: dict[str, int | float | None], other: dict[str, int | float | None]
) -> None:
    line = describe_left(left)
    assert not line or LEFT_LINE.fullmatch(line)
    for notices in ((), ("A notice.",)):
        keys = {
            key([*FIRST, said("reply"), observed(describe_left(each), *notices)])
            for each in (left, other)
        }
        assert len(keys) == 1


def test_only_the_line_of_the_host_is_left_out() -> None:
    printed = "Left: 3 calls, 4 s."
    one = observed("Left: 9 calls, 1 s.", "A notice.", output=f"a\n\n{printed}\n\nb")
    assert comparable(one, 3).endswith(f"a\n\n{printed}\n\nb\n\nA notice.")
    for text in (f"x {printed}", f"x\n{printed}", f"x\n\n{printed} y", f"x\n\n{printed}\ny"):
        assert comparable(user(text), 3) == text


@pytest.mark.parametrize("at", [0, 1])
def test_the_first_messages_and_replies_count_as_they_are(at: int) -> None:
    text = "x\n\nLeft: 3 calls, 4 s."
    assert comparable(user(text), at) == text
    assert comparable(said(text), 3) == text


def test_a_plain_completion_counts_as_it_is() -> None:
    messages = [*FIRST, said("reply"), observed("Left: 9 calls, 1 s.")]
    other = [*FIRST, said("reply"), observed("Left: 9 calls, 2 s.")]
    assert key(messages, is_completion=True) != key(other, is_completion=True)
    assert key(messages) == key(other)


def test_a_node_and_a_completion_that_send_the_same_have_the_same_key() -> None:
    assert key(FIRST) == key(FIRST, is_completion=True)
    assert key([replace(one) for one in FIRST]) == key(FIRST)
