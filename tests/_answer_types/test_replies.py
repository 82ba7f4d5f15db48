"""Typed answers in replies as models write them."""

from __future__ import annotations

import time

import pytest

from rlm_runtime._answer_types.base import AnswerMismatchError, answer_type_of
from rlm_runtime._answer_types.replies import read_answer, without_thoughts

STRINGS = answer_type_of({"type": "array", "items": {"type": "string"}})
NUMBER = answer_type_of({"type": "integer"})
TEXT = answer_type_of({"type": "string"})
WORD = answer_type_of({"enum": ["good", "bad"]})
PERSON = answer_type_of({"type": "object", "required": ["name"]})


@pytest.mark.parametrize(
    "reply",
    [
        '["a", "b"]',
        ' \n["a",\n "b"]\n',
        '```json\n["a", "b"]\n```',
        'Here you are:\n\n```\n["a", "b"]\n```\nI hope that it helps.',
        'First ```json\n["no"]\n``` then\n```json\n["a", "b"]\n```',
        '```json\n["no"]\n```\nNo, wait.\n```json\n["a", "b"]\n```',
        'The answer is ["a", "b"].',
        'Not ["x"] but ["a", "b"], as [1 shows.',
        '<think>Is it ["x"]? </think>["a", "b"]',
        'Is it ["x"]?\n</think>\n\n["a", "b"]',
        '<think>["x"]</think>\nSo:\n```json\n["a", "b"]\n```',
        '{"answer": ["a", "b"]}',
        '```json\n{"answer": ["a", "b"]}\n```',
    ],
)
def test_a_list_is_read_however_it_is_wrapped_up(reply: str) -> None:
    assert read_answer(STRINGS, reply, wrapped=True) == ["a", "b"]


NUMBERS = answer_type_of({"type": "array", "items": {"type": "integer"}})


@pytest.mark.parametrize(
    "reply",
    [
        "There are none, as the text says [2].",
        "The flood comes twice [1, 3], but no year is given; see also [ 4 ]",
    ],
)
def test_a_reference_in_a_sentence_is_no_list(reply: str) -> None:
    with pytest.raises(AnswerMismatchError, match="there is no JSON"):
        read_answer(NUMBERS, reply, wrapped=False)


@pytest.mark.parametrize(
    "reply", ["The years are [1, 2].", "Years: **[1, 2]**", "So:\n[1, 2]\nSee [3].", "[1, 2] fit."]
)
def test_a_list_of_numbers_that_words_lead_up_to_is_one(reply: str) -> None:
    assert read_answer(NUMBERS, reply, wrapped=False) == [1, 2]


def test_the_fault_of_the_likeliest_value_is_told() -> None:
    with pytest.raises(AnswerMismatchError, match=r"answer\[1\]: must be string"):
        read_answer(STRINGS, '```json\n["a", 1]\n```\nas in {"x": 2}', wrapped=False)


def test_nothing_is_unwrapped_that_was_not_asked_for_wrapped() -> None:
    with pytest.raises(AnswerMismatchError, match="must be array, found a dict"):
        read_answer(STRINGS, '{"answer": ["a"]}', wrapped=False)
    named = answer_type_of({"type": "object", "properties": {"answer": {"type": "string"}}})
    assert read_answer(named, '{"answer": "x"}', wrapped=True) == {"answer": "x"}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [("good", "good"), (" good\n", "good"), ('"good"', "good"), ("<think>bad</think>good", "good")],
)
def test_a_text_may_come_without_quotes(reply: str, answer: str) -> None:
    assert read_answer(WORD, reply, wrapped=False) == answer
    assert read_answer(TEXT, reply, wrapped=False) == answer


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("", "there is no JSON in the reply"),
        ("I cannot do that.", "there is no JSON in the reply"),
        ("The answer is 42", "there is no JSON in the reply"),
        ('"42"', "must be integer, found '42'"),
        ("NaN", "there is no JSON in the reply"),
        ("9" * 5_000, "there is no JSON in the reply"),
        ("[1, 2", "there is no JSON in the reply"),
        ("[" * 100_000, "there is no JSON in the reply"),
        ("<think>42", "there is no JSON in the reply"),
    ],
)
def test_what_holds_no_answer_is_told_why(reply: str, said: str) -> None:
    with pytest.raises(AnswerMismatchError) as caught:
        read_answer(NUMBER, reply, wrapped=False)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "piece", ['["', "[1,", '{"a":', "[{", "```\n", "<think>", "<think></think>", '["a" ']
)
def test_a_hostile_reply_takes_no_time(piece: str) -> None:
    text = piece * 300_000
    started = time.thread_time()
    with pytest.raises(AnswerMismatchError):
        read_answer(PERSON, text, wrapped=True)
    assert time.thread_time() - started < 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (" kept as it is \n", " kept as it is \n"),
        ("<think>a</think>\n\nb", "b"),
        ("\n<think>\na</think>b </think> c", "b </think> c"),
        ("a</think>b", "b"),
        ("<think>never ends", ""),
        ("say <think>x</think> aloud", "say <think>x</think> aloud"),
        ("<think>a</think>\n<think>b</think>\n c", " c"),
        ("[THINK]a[/THINK]b", "b"),
        ("<seed:think>a</seed:think>b", "b"),
        ("◁think▷a◁/think▷b", "b"),
        ("<reasoning>as asked</reasoning> b", "<reasoning>as asked</reasoning> b"),
        ("<|channel|>analysis<|message|>a<|end|><|channel|>final<|message|>b<|return|>", "b"),
        ("analysisWe think.assistantfinalb", "b"),
        ("b<|im_end|>", "b"),
    ],
)
def test_thoughts_before_the_reply_are_cut_off(text: str, shown: str) -> None:
    assert without_thoughts(text) == shown
