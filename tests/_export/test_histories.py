"""What a node and its model said to each other, from events of any number."""

from __future__ import annotations

import tracemalloc

from rlm_runtime._export.histories import History


def test_a_request_takes_no_copy_of_what_came_before() -> None:
    history = History()
    history.ask([{"role": "system", "content": "s"}])
    for _ in range(20_000):
        history.ask([{"role": "user", "content": "q"}] * 5)
        history.reply("r")
    tracemalloc.start()
    try:
        history.ask([{"role": "user", "content": "q"}])
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()
    assert len(history.messages) == 1 + 20_000 * 6 + 1
    assert history.messages[-2:] == [
        {"role": "assistant", "content": "r"},
        {"role": "user", "content": "q"},
    ]


def said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def texts(history: History) -> list[str]:
    return [one["content"] for one in history.messages]


def begun() -> History:
    history = History()
    history.ask([said("system", "s"), said("user", "q")])
    history.reply("one")
    history.ran(1, 0)
    return history


def trim(history: History) -> None:
    history.trim()
    history.ask(
        [said("system", "s"), said("user", "…"), said("assistant", "one"), said("user", "2")]
    )
    history.reply("two")


def test_after_a_trim_requests_add_to_what_there_is_again() -> None:
    history = begun()
    trim(history)
    history.ask([said("assistant", "two"), said("user", "3")])
    assert texts(history) == ["s", "q", "one", "2", "two", "3"] and history.trimmed


def test_a_trim_after_the_place_that_it_comes_back_to_is_forgotten() -> None:
    history = begun()
    trim(history)
    assert history.diverged(1, 0) and not history.trimmed
    history = begun()
    history.trim()
    assert history.diverged(1, 0) and not history.trimmed
    history.ask([said("assistant", "one"), said("user", "new")])
    assert texts(history) == ["s", "q", "one", "new"]
