"""A run that is one completion."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio
import pytest

from rlm_runtime._answer_types.base import answer_type_of
from rlm_runtime._engine.models import Models
from rlm_runtime._engine.run import Run
from rlm_runtime._errors import (
    InputError,
    LimitExceededError,
    ModelContentFilterError,
    ModelContextWindowError,
    ModelError,
    NoAnswerError,
)
from rlm_runtime._events import Event, ModeChosen, ModelRequested, NodeEnded, NodeStarted, RunEnded
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._modes import ModeChoice
from rlm_runtime._prompts import Prompts
from rlm_runtime._trace.recorder import Recorder
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import play as play_script
from tests._engine.fakes import repl

pytestmark = pytest.mark.anyio

PROMPTS = Prompts.load()


@dataclass
class OneReply:
    """A model that gives one reply, and keeps what it was asked."""

    text: str = "The answer"
    finish_reason: str = "stop"
    context_tokens: int | None = None
    error: ModelError | None = None
    seconds: float = 0.0
    name: str = "one"
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    caps: list[int | None] = field(default_factory=list)
    before: list[tuple[str, str]] = field(default_factory=list)
    """Replies that come first, each with its finish reason."""

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(context_tokens=self.context_tokens)

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        self.asked.append(tuple(messages))
        self.keys.append(options.cache_key)
        self.caps.append(options.max_completion_tokens)
        await anyio.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        text, reason = self.before.pop(0) if self.before else (self.text, self.finish_reason)
        usage = Usage(calls=1, prompt_tokens=5, completion_tokens=3)
        return Completion(text=text, model="one", usage=usage, finish_reason=reason)


async def play(
    llm: OneReply,
    context: object,
    *,
    query: str = "What is it?",
    limits: Limits | None = None,
    events: list[Event] | None = None,
    output_type: object = None,
) -> object:
    kept: list[Event] = [] if events is None else events
    run = Run(
        models=Models(root=llm, subs=[llm], aliases={}),
        limits=limits or Limits(),
        prompts=PROMPTS,
        # There is none to be opened: to open one would fail
        open_sandbox=None,
        recording=Recorder(None, kept.append),
        mode=ModeChoice("direct", "it was asked for"),
    )
    with anyio.fail_after(10):
        return await run.answer(
            query,
            context,
            run="run",
            version="1",
            answer_type=None if output_type is None else answer_type_of(output_type),
        )


async def test_the_reply_is_the_answer_and_the_context_is_in_the_prompt() -> None:
    llm, events = OneReply(" 42\n"), list[Event]()
    assert await play(llm, "All $of {it}", events=events) == " 42\n"
    system, user = llm.asked[0]
    assert (system.role, system.content) == ("system", PROMPTS.direct())
    assert user.content == "# Context\n\nAll $of {it}\n\n# Query\n\nWhat is it?"
    kinds = [event.kind for event in events]  # type: ignore[attr-defined]  # each variant has one
    assert kinds == [
        "run_started",
        "mode_chosen",
        "node_started",
        "model_requested",
        "model_attempt_started",
        "model_replied",
        "answer_given",
        "node_ended",
        "run_ended",
    ]
    for event in events:
        match event:
            case ModeChosen():
                assert (event.mode, event.reason) == ("direct", "it was asked for")
            case NodeStarted():
                assert (event.node, event.parent, event.depth) == (0, None, 0)
            case ModelRequested():
                assert [one["content"] for one in event.messages] == [system.content, user.content]
            case NodeEnded() | RunEnded():
                assert (event.stop_reason, event.answer) == ("answered", " 42\n")


async def test_a_query_that_is_its_own_context_is_sent_once() -> None:
    llm, query = OneReply(), "Name a prime above 10"
    await play(llm, query, query=query)
    assert llm.asked[0][1].content == query


@pytest.mark.parametrize(
    ("context", "text"),
    [
        ({"a.txt": "é\n", "b": ""}, '{"a.txt": "é\\n", "b": ""}'),
        ([1, None, {2: (3,)}], '[1, null, {"2": [3]}]'),
        (None, "null"),
    ],
)
async def test_data_is_given_as_json(context: object, text: str) -> None:
    llm = OneReply()
    await play(llm, context)
    assert f"# Context\n\n{text}\n\n# Query" in llm.asked[0][1].content


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (b"\xff", "Cannot answer directly: the context is bytes, and a prompt is text"),
        ([threading.Lock()], "Cannot use this context: .*lock"),
        ("x" * 400_001, r"400,\d+ characters, and 400,000 at most go into one prompt for 'one'"),
    ],
)
async def test_a_context_that_is_no_prompt_is_refused_before_it_is_paid_for(
    context: object, message: str
) -> None:
    llm = OneReply()
    with pytest.raises(InputError, match=message):
        await play(llm, context)
    assert llm.asked == []


async def test_a_known_window_says_how_much_fits() -> None:
    # 800 tokens, of which 100 are left for the reply
    frame = len(PROMPTS.direct_first(query="What is it?", context=""))
    small = OneReply(context_tokens=800)
    assert await play(small, "x" * (2800 - frame)) == "The answer"
    with pytest.raises(InputError, match="have 2,801 characters, and 2,800 at most"):
        await play(small, "x" * (2801 - frame))
    assert await play(OneReply(context_tokens=1_000_000), "x" * 500_000) == "The answer"


async def test_thoughts_are_no_part_of_the_answer() -> None:
    assert await play(OneReply("<think>\n1? 2?\n</think>\n\nTwo"), "") == "Two"
    said = "It says <think>x</think>"
    assert await play(OneReply(said), "") == said


@pytest.mark.parametrize(
    ("llm", "message", "partial"),
    [
        (OneReply(" \n"), "the reply is empty", None),
        (OneReply("<think>x</think>"), "the reply is empty", None),
        (OneReply("Half", "length"), "the reply was cut off at the model's length", "HalfHalfHalf"),
    ],
)
async def test_what_is_no_whole_reply_is_no_answer(
    llm: OneReply, message: str, partial: str | None
) -> None:
    events: list[Event] = []
    with pytest.raises(NoAnswerError, match=f"Stopped without an answer: {message}") as caught:
        await play(llm, "", events=events)
    assert (caught.value.stop_reason, caught.value.partial) == ("no_answer", partial)
    assert caught.value.usage is not None
    assert caught.value.usage.completion_tokens == 3 * len(llm.asked)
    assert isinstance(events[-1], RunEnded) and events[-1].stop_reason == "no_answer"


async def test_a_reply_that_was_cut_is_continued_and_the_trace_has_every_message() -> None:
    llm = OneReply(" thirds", before=[("One", "length"), (" and two", "length")])
    events: list[Event] = []
    assert await play(llm, "c", events=events) == "One and two thirds"
    requested = [event for event in events if isinstance(event, ModelRequested)]
    more = {"role": "user", "content": PROMPTS.leaf_continue()}
    assert [event.iteration for event in requested] == [1, 2, 3]
    assert requested[1].messages == ({"role": "assistant", "content": "One"}, more)
    # The third does not begin with the second: what was said so far is one message
    assert len(requested[2].messages) == 4
    assert requested[2].messages[2:] == ({"role": "assistant", "content": "One and two"}, more)


async def test_an_answer_of_a_type_is_asked_for_again_until_it_follows() -> None:
    llm = OneReply("```json\n[1, 2]\n```", before=[('["one"]', "stop")])
    events: list[Event] = []
    assert await play(llm, "c", output_type=list[int], events=events) == [1, 2]
    assert '"integer"' in llm.asked[0][1].content
    assert "answer[0]" in llm.asked[1][-1].content
    assert llm.keys[0] == llm.keys[1]
    requested = [event for event in events if isinstance(event, ModelRequested)]
    assert [len(event.messages) for event in requested] == [2, 2]
    assert isinstance(events[-1], RunEnded) and "[1, 2]" in events[-1].answer


async def test_the_last_call_and_the_last_iteration_are_enough_and_nobody_speaks_of_code() -> None:
    llm = OneReply()
    await play(llm, "c", limits=Limits(max_calls=1, max_iterations=1))
    assert "```" not in "".join(message.content for message in llm.asked[0])


async def test_nothing_is_kept_back_for_a_later_reply() -> None:
    llm = OneReply()
    await play(llm, "short", limits=Limits(max_tokens=10_000))
    assert llm.caps == [4096]


async def test_limits_hold() -> None:
    llm = OneReply()
    with pytest.raises(LimitExceededError) as refused:
        await play(llm, "x" * 10_000, limits=Limits(max_tokens=2_000))
    assert (refused.value.stop_reason, llm.asked) == ("max_tokens", [])
    with pytest.raises(LimitExceededError) as caught:
        await play(OneReply(seconds=30), "c", limits=Limits(max_seconds=0.05))
    assert caught.value.stop_reason == "max_seconds"


async def test_a_model_that_fails_ends_the_run() -> None:
    with pytest.raises(ModelError, match="broken"):
        await play(OneReply(error=ModelError("broken")), "c")
    with pytest.raises(ModelContentFilterError, match="a content filter has held it back"):
        await play(OneReply("Ha", "content_filter"), "c")
    too_long = OneReply(error=ModelContextWindowError("the prompt is too long"))
    with pytest.raises(ModelContextWindowError, match=r"Cannot complete a prompt of .* characters"):
        await play(too_long, "c")


async def test_queries_about_one_context_share_a_prompt_cache() -> None:
    llm = OneReply()
    for query, context in (("a", "one"), ("b", "one"), ("a", "two")):
        await play(llm, context, query=query)
    first, second, third = llm.keys
    assert first == second != third
    assert first is not None and len(first) <= 64


async def test_without_a_choice_nothing_is_said_of_the_mode() -> None:
    played = await play_script({"root": [repl("await FINAL(1)")]})
    assert played.answer == 1 and played.of(ModeChosen) == []
