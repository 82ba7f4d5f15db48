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
