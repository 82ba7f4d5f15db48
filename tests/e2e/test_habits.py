"""Habits of other harnesses, in a real sandbox: what models trained there write works."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.base import AnswerRejectedError, SubCall
from rlm_runtime._sandbox.deno import DenoSandbox, open_deno_sandbox
from tests.calls import FakeCalls, answer_of, run
from tests.e2e.conftest import OpenFake

pytestmark = [pytest.mark.anyio, pytest.mark.deno]


class RejectingCalls(FakeCalls):
    """Rejects every answer, and tells what it was."""

    async def final(self, answer: object) -> None:
        raise AnswerRejectedError(f"got {answer!r}")


async def _answer(call: SubCall) -> object:
    return [call.prompt, call.context, call.recursive]


@pytest.fixture(scope="module")
async def shared(assets: Assets) -> AsyncIterator[DenoSandbox]:
    async with open_deno_sandbox(assets, RejectingCalls(_answer), memory_mb=512) as sandbox:
        await sandbox.assign("context", "the context")
        await sandbox.assign("query", "the query")
        yield sandbox


ANSWERS: dict[str, tuple[str, object]] = {
    "SUBMIT of a value": ("SUBMIT([1, 2])", [1, 2]),
    "SUBMIT of None": ("SUBMIT(None)", None),
    "SUBMIT of fields": ("SUBMIT(a=1, b='x')", {"a": 1, "b": "x"}),
    "SUBMIT of one field": ("SUBMIT(answer=5)", {"answer": 5}),
    "final_answer": ("final_answer('x')", "x"),
    "final_answer by name": ("final_answer(answer=[3])", [3]),
    "a ready answer": ('answer["content"] = "x"\nanswer["ready"] = True', "x"),
    "a ready answer of its own making": ("answer = {'content': [1], 'ready': True}", [1]),
    "a ready answer after other blocks": (
        "answer['content'] = 'a'\nanswer['content'] += 'b'\nanswer['ready'] = 1 < 2",
        "ab",
    ),
    "the answer given to FINAL": ("answer['content'] = 7\nFINAL(answer)", 7),
    "FINAL_VAR of a name": ("r = {1}\nFINAL_VAR('r')", {1}),
    "FINAL_VAR of a quoted name": ("r = {1}\nFINAL_VAR(\"'r'\")", {1}),
    "FINAL_VAR of a list": ("r = [1]\nFINAL_VAR(r)", [1]),
    "FINAL_VAR of a long text": ("r = 'One.\\nTwo.'\nFINAL_VAR(r)", "One.\nTwo."),
    "FINAL_VAR of a private name": ("_r = 1\nFINAL_VAR('_r')", 1),
    "FINAL_VAR of a function's name that the code has taken": (
        "final_answer = 3\nFINAL_VAR('final_answer')",
        3,
    ),
}


@pytest.mark.parametrize(("code", "answer"), ANSWERS.values(), ids=ANSWERS.keys())
async def test_it_ends_the_node(shared: DenoSandbox, code: str, answer: object) -> None:
    result = await shared.execute(code)
    await shared.execute("globals().pop('answer', None), globals().pop('final_answer', None)")
    assert result.error is not None
    assert result.error.endswith(f"AnswerRejectedError: got {answer!r}")


NO_ANSWERS: dict[str, str] = {
    "not ready": "answer['content'] = 'x'",
    "made not ready": "answer = {'content': 'x', 'ready': False}",
    "another shape": "answer = {'content': 'x', 'ready': True, 'sources': []}",
    "a dict without content": "answer = {'ready': True}",
    "ready by a word": "answer = {'content': 'x', 'ready': 'almost'}",
    "a list": "answer = ['content', 'ready']",
    "a str": "answer = 'ready'",
    "an object": "class A:\n    content, ready = 1, True\nanswer = A()",
    "a subclass of dict": "class D(dict): pass\nanswer = D(content=1, ready=True)",
    "one that raises": "class E(dict):\n    def keys(self): 1/0\nanswer = E()",
    "keys that raise": "class K:\n    def __hash__(self): return hash('ready')\n"
    "    def __eq__(self, other): 1/0\nanswer = {'content': 1, K(): True}",
    "another name": "reply = {'content': 'x', 'ready': True}",
    "deleted": "del answer",
}


@pytest.mark.parametrize("code", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
async def test_a_variable_of_the_code_s_own_is_no_answer(shared: DenoSandbox, code: str) -> None:
    result = await shared.execute(code)
    await shared.execute("globals().pop('answer', None)\nglobals().pop('reply', None)")
    assert result.error is None


# As it was before other tests have written into it
_EMPTY = "answer.update(content='', ready=False)"

ERRORS: dict[str, tuple[str, str]] = {
    "SUBMIT of nothing": ("SUBMIT()", "TypeError: SUBMIT() takes one value, or fields by name"),
    "SUBMIT of two values": ("SUBMIT(1, 2)", "TypeError: SUBMIT() takes one value, or fields"),
    "SUBMIT of both": ("SUBMIT(1, a=2)", "TypeError: SUBMIT() takes one value, or fields by name"),
    "FINAL of an answer never made": (f"{_EMPTY}\nFINAL(answer)", "name 'answer' is not defined"),
    "FINAL_VAR of an answer never made": (
        f"{_EMPTY}\nFINAL_VAR('answer')",
        "NameError: name 'answer' is not defined",
    ),
    "FINAL_VAR of a function of ours": ("FINAL_VAR('final_answer')", "no variable 'final_answer'"),
    "FINAL_VAR of a name that is none": ("r = 'typo'\nFINAL_VAR('typo')", "no variable 'typo'"),
    "a sub-call not awaited": ("llm_query('a').strip()", "llm_query('a') has no 'strip': await it"),
}


@pytest.mark.parametrize(("code", "error"), ERRORS.values(), ids=ERRORS.keys())
async def test_what_cannot_be_meant_is_explained(
    shared: DenoSandbox, code: str, error: str
) -> None:
    result = await shared.execute(code)
    assert result.error is not None and error in result.error


async def test_a_rejected_answer_has_to_be_ready_anew(shared: DenoSandbox) -> None:
    result = await shared.execute("answer = {'content': 1, 'ready': True}\nprint('seen')")
    assert result.error is not None and "got 1" in result.error
    assert result.stdout == "seen\n"
    assert await run(shared, "print(answer)") == "{'content': 1, 'ready': False}\n"
    await shared.execute("del answer")


async def test_the_answer_of_a_block_that_failed_is_not_taken(shared: DenoSandbox) -> None:
    result = await shared.execute("answer['content'] = 1\nanswer['ready'] = True\n1/0")
    assert result.error is not None
    assert "ZeroDivisionError" in result.error and "got 1" not in result.error
    assert result.error.endswith('Note: answer["ready"] is False again, since the block failed')
    assert await run(shared, "print(answer['ready'])") == "False\n"
    await shared.execute("del answer")


CALLS: dict[str, tuple[str, str]] = {
    "rlm_query": ("print(await rlm_query('a', 1))", "['a', 1, True]"),
    "rlm_query without context": ("print(await rlm_query('a'))", "['a', None, True]"),
    "rlm_query, not recursive": (
        "print(await rlm_query('a', recursive=False))",
        "['a', None, False]",
    ),
    "rlm_query's result": ("print(rlm_query('a', 1).result())", "['a', 1, True]"),
    "rlm_query_batched": (
        "print(await rlm_query_batched(['a', 'b'], [1, 2]))",
        "[['a', 1, True], ['b', 2, True]]",
    ),
    "llm_batch": ("print(llm_batch(['a', 'b']))", "[['a', None, False], ['b', None, False]]"),
    "llm_batch by name": ("print(llm_batch(prompts=['a'])[0][0])", "a"),
    "llm_batch, awaited": ("print(await llm_batch(['a']))", "[['a', None, False]]"),
    "llm_batch in a function": (
        "def ask():\n    return [one[0] for one in llm_batch(['a', 'b'])]\nprint(ask())",
        "['a', 'b']",
    ),
    "a sub-call shown before it is awaited": (
        "c = llm_query('a')\nprint(c)\nawait c\nNone",
        "<llm_query('a'): under way, await it to get the answer>",
    ),
}


@pytest.mark.parametrize(("code", "printed"), CALLS.values(), ids=CALLS.keys())
async def test_a_sub_call_of_another_harness_works(
    shared: DenoSandbox, code: str, printed: str
) -> None:
    assert await run(shared, code) == f"{printed}\n"


async def test_the_habits_are_no_variables(shared: DenoSandbox) -> None:
    await shared.execute("globals().clear()")
    assert await run(shared, "print(SHOW_VARS())") == "{}\n"


@pytest.mark.parametrize(
    "code",
    [
        "SUBMIT(a=1)\nprint('never')",
        "answer['content'] = {'a': 1}\nanswer['ready'] = True\nprint('still in the block')",
    ],
)
async def test_an_accepted_answer_is_the_node_s(opened: OpenFake, code: str) -> None:
    calls = FakeCalls()
    async with opened(calls) as sandbox:
        assert await answer_of(sandbox, calls, code) == {"a": 1}
