"""What Anthropic's endpoint sends, as bytes of a response."""

from __future__ import annotations

import json

from tests._llm.raw_server import response

_USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1000,
    "output_tokens": 1,
}
_START = {"id": "m1", "type": "message", "role": "assistant", "content": [], "usage": _USAGE}


def reply(text: str, *, thinking: str, stop_reason: str, output_tokens: int) -> bytes:
    """Make a streamed reply that took prompt tokens from the cache, and wrote some into it."""
    thought = {"type": "thinking_delta", "thinking": thinking}
    said = {"type": "text_delta", "text": text}
    return _stream(
        {"type": "message_start", "message": {**_START, "model": "claude-sonnet-4-5"}},
        *_block(0, {"type": "thinking", "thinking": ""}, thought),
        {"type": "ping"},
        *_block(1, {"type": "text", "text": ""}, said),
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop_reason},
            "usage": {"output_tokens": output_tokens},
        },
        {"type": "message_stop"},
    )


def error_in_stream(text: str, error: str) -> bytes:
    """Make a streamed reply that an error ends."""
    block = _block(0, {"type": "text", "text": ""}, {"type": "text_delta", "text": text})
    return _stream(
        {"type": "message_start", "message": {**_START, "model": "claude-sonnet-4-5"}},
        *block[:2],
        {"type": "error", "error": {"type": error, "message": "Too busy"}},
    )


def refusal(status: str, error: str, *headers: str) -> bytes:
    """Make a response of an error."""
    body = {"type": "error", "error": {"type": error, "message": "Too busy"}}
    return response(json.dumps(body).encode(), *headers, status=status)


def _block(
    index: int, start: dict[str, str], delta: dict[str, str]
) -> tuple[dict[str, object], ...]:
    return (
        {"type": "content_block_start", "index": index, "content_block": start},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    )


def _stream(*events: dict[str, object]) -> bytes:
    body = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    return response(body.encode(), "content-type: text/event-stream")
