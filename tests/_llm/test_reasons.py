from __future__ import annotations

import pytest

from rlm_runtime._llm.reasons import find_reason, read_retry_after


def said(message: str, **further: object) -> dict[str, object]:
    return {"error": {"message": message, **further}}


@pytest.mark.parametrize(
    ("status", "error"),
    [
        # OpenAI
        (400, said("Your input is big", code="context_length_exceeded")),
        # vLLM, before and after it had an error object
        (
            400,
            {
                "object": "error",
                "message": "This model's maximum context length is 4096 tokens. However, you"
                " requested 6379 tokens (6029 in the messages, 350 in the completion). Please"
                " reduce the length of the messages or completion.",
                "type": "BadRequestError",
                "code": 400,
            },
        ),
        (400, said("The decoder prompt (length 5000) is longer than the maximum model length, "
                   "reduce the length of the prompt")),
        # llama.cpp, now and as it was
        (400, said("request (9412 tokens) exceeds the available context size (8192 tokens), "
                   "try increasing it", type="exceed_context_size_error", code=400)),
        (500, said("the request exceeds the available context size",
                   type="exceed_context_size_error", code=500)),
        # LM Studio
        (400, {"error": "Trying to keep the first 5000 tokens when context the overflows. However,"
               " the model is loaded with context length of only 4096 tokens"}),
        (400, {"error": "The number of tokens to keep from the initial prompt is greater than "
               "the context length"}),
        # OpenRouter
        (400, said("This endpoint's maximum context length is 40960 tokens. However, you requested"
                   " about 42988 tokens. Please reduce the length of either one", code=400)),
        # Anthropic, Bedrock and Gemini behind proxies
        (400, said("prompt is too long: 210000 tokens > 200000 maximum")),
        (400, said("input length and `max_tokens` exceed context limit: 190000 + 21333 > 200000")),
        (400, said("Input is too long for requested model.")),
        (400, said("The input token count (1100000) exceeds the maximum number of tokens allowed")),
        (422, {"error": "Input validation error: `inputs` tokens exceeds the context window"}),
        (413, "<html>413 Request Entity Too Large</html>"),
        (413, ""),
        (None, said("m", code="context_length_exceeded")["error"]),
        (None, {"error": {"error": {"code": "context_length_exceeded"}}}),
    ],
)  # fmt: skip
def test_a_prompt_that_is_too_long(status: int | None, error: object) -> None:
    assert find_reason(status, error) == "too_long"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        # Azure
        (400, said("The response was filtered due to the prompt triggering Azure OpenAI's content "
                   "management policy.", code="content_filter", param="prompt")),
        (400, said("m", code=None, innererror={"code": "ResponsibleAIPolicyViolation"})),
        # OpenAI
        (400, said("Invalid prompt: your prompt was flagged as potentially violating our usage "
                   "policy.", code="invalid_prompt")),
        (400, said("m", code="content_policy_violation")),
        # Qwen
        (400, said("Input data may contain inappropriate content.", code="data_inspection_failed")),
        # OpenRouter
        (403, said("Your chosen model requires moderation and your input was flagged", code=403,
                   metadata={"reasons": ["violence"], "flagged_input": "x"})),
        (None, {"code": "content_filter", "message": "m"}),
    ],
)  # fmt: skip
def test_what_a_filter_refused(status: int | None, error: object) -> None:
    assert find_reason(status, error) == "filtered"


def test_a_quota_that_is_used_up() -> None:
    error = said("You exceeded your current quota", type="insufficient_quota")
    assert find_reason(429, error) == "no_quota"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, said("max_tokens is too large: 100000. This model supports at most 16384 tokens")),
        (400, said("Unknown parameter: 'context_window'")),
        (400, said("bad schema", code=400)),
        (403, said("Your key may not use the maximum context length", code="forbidden")),
        (429, said("Rate limit reached: too many tokens, maximum context length")),
        (429, said("Request too large for the context window", code="rate_limit_exceeded")),
        (500, said("maximum context length exceeded")),
        (503, "content filter is down, too many requests"),
        (404, said("prompt is too long")),
        (400, None),
        (400, []),
        (400, {"error": {"message": ["prompt is too long"], "code": {}}}),
        (None, "m"),
    ],
)
def test_other_refusals_have_no_reason(status: int | None, error: object) -> None:
    assert find_reason(status, error) is None


def test_a_long_text_is_looked_through_in_no_time() -> None:
    assert find_reason(400, "token count " * 1_000_000) is None
    assert find_reason(400, "x" * 10_000 + "prompt is too long") is None
    nested: object = {"code": "context_length_exceeded"}
    for _ in range(500):
        nested = {"error": nested}
    assert find_reason(400, nested) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "-1"}, 0.0),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"x-ratelimit-reset": "1741305600000"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert read_retry_after(headers) == seconds
