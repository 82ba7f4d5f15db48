"""Tool calls that a model wrote as text, and the code in them.

A model that was trained to call tools takes the REPL for one, and writes a call in the form of its
training. What is code in such a call is taken; that nothing else is guessed at.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from dataclasses import dataclass

OPENING = re.compile(
    r"<tool_call>|<\|tool_call\|>|<function=[\w.:-]{1,64}>|<(?:\w{1,16}:|｜DSML｜)?function_calls>"
    r'|<minimax:tool_call>|<(?:\w{1,16}:|｜DSML｜)?invoke name="[\w.:-]{1,64}">|\[TOOL_CALLS\]'
    r"|<\|python_tag\|>|<\|tool_calls_section_begin\|>|<\|tool_call_begin\|>"
    r"|<｜tool▁calls▁begin｜>|<｜tool▁call▁begin｜>"
)
"""What a call begins with, in the forms of Qwen, Llama, Mistral, Kimi, DeepSeek and others."""

_JSON_START = re.compile(r"((?:[^{\[]|\[ARGS\]){0,200}?)(?=\{|\[(?!ARGS\]))")
_PARAMETER = re.compile(
    r'<(?:\w{1,16}:|｜DSML｜)?parameter(?:=| name=")(\w{1,64})"?(?: [a-z]{1,16}="\w{0,16}")?>'
    r"|<arg_key>(\w{1,64})</arg_key>\s*<arg_value>"
)
_PARAMETER_END = re.compile(r"</(?:(?:\w{1,16}:|｜DSML｜)?parameter|arg_value)>")
_TRAILING = re.compile(r"(?:\s|`{3}|</[\w:｜]{1,40}>|<[|｜][^|｜<>\n]{1,60}[|｜]>)*+")
_CODE_END = re.compile(r"<\|(?:eom_id|eot_id|call|end|im_end)\|>")
_WORD = re.compile(r"[A-Za-z_][\w.]{0,63}")

_CALLED = ("name", "tool", "tool_name", "action", "function", "recipient_name")
_GIVEN = ("arguments", "parameters", "args", "input", "action_input", "tool_input")
_CODE = ("code", "python_code", "python", "source", "script", "input")
_NAME_CHARS = 100
_BESIDE_CODE = {"code", "language", "thought", "thoughts", "reasoning", "explanation", "plan"}
_OTHER_LANGUAGES = ("javascript", "typescript", "bash", "shell", "sql", "search")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that was read."""

    codes: tuple[str, ...] = ()
    """The code in it; empty where it calls for something else."""
    end: int
    """Where in the text it ends."""


def read_tool_call(text: str) -> ToolCall:
    """Read the call that a text begins with; without code, only its opening is read."""
    opening = OPENING.match(text)
    assert opening is not None, "the text begins with a call"
    name = opening[0] if opening[0].startswith(("<function=", "<invoke")) else ""
    start = opening.end()
    if opening[0] == "<|python_tag|>":
        name = "python"
    call = _read_parameters(text, start, name) or _read_json(text, start, name)
    if call is None and name == "python":
        ends = _CODE_END.search(text, start)
        stop = ends.start() if ends else len(text)
        call = ToolCall(codes=(text[start:stop].strip("\n"),), end=stop)
    if call is None or not any(code.strip() for code in call.codes):
        return ToolCall(end=start)
    trailing = _TRAILING.match(text, call.end)
    return ToolCall(codes=call.codes, end=trailing.end() if trailing else call.end)


def read_json_call(text: str) -> ToolCall | None:
    """Read a text that is one call in JSON, or a list of them; None for other text."""
    text = text.strip()
    if not text.startswith(("{", "[")):
        return None
    value, end = _decode(text, 0)
    if end < len(text):
        return None
    codes = _codes(value, "")
    return ToolCall(codes=codes, end=end) if codes or _is_call(value) else None


def _read_parameters(text: str, start: int, name: str) -> ToolCall | None:
    """Read a call whose arguments are elements, one of which is the code."""
    head = _PARAMETER.search(text, start)
    if head is None or "{" in text[start : head.start()]:
        return None
    name += text[start : head.start()][:_NAME_CHARS]
    while head is not None:
        key = head[1] or head[2]
        following = _PARAMETER.search(text, head.end())
        limit = following.start() if following else len(text)
        if key == "code" or (key in _CODE and _runs_python(name)):
            end = _PARAMETER_END.search(text, head.end(), limit)
            stop = end.start() if end else limit
            code = text[head.end() : stop].strip("\n")
            return ToolCall(codes=(code,), end=end.end() if end else limit)
        head = following
    return None


def _read_json(text: str, start: int, name: str) -> ToolCall | None:
    """Read a call in JSON, before which its name may stand."""
    head = _JSON_START.match(text, start)
    if head is None:
        return None
    value, end = _decode(text, head.end())
    words = " ".join(_WORD.findall(head[1]))
    codes = _codes(value, f"{name} {words}")
    return ToolCall(codes=codes, end=end) if codes else None


def _decode(text: str, at: int) -> tuple[object, int]:
    try:
        # Not strict: models break lines inside of strings
        value, end = json.JSONDecoder(strict=False).raw_decode(text, at)
    except (ValueError, RecursionError):
        return None, -1
    return value, end


def _codes(value: object, name: str) -> tuple[str, ...]:
    """Find the code in a call of this name, or in several; nothing unless all is code."""
    match value:
        case list():
            found = [_codes(one, name) for one in value]
            return tuple(code for codes in found for code in codes) if all(found) else ()
        case str() if value.lstrip().startswith("{"):
            inner, end = _decode(value, len(value) - len(value.lstrip()))
            return _codes(inner, name) if end > 0 else ()
        case str():
            return (value,) if _runs_python(name) else ()
        case dict():
            return _codes_of_object(value, name)
    return ()


def _codes_of_object(value: dict[str, object], name: str) -> tuple[str, ...]:
    for key in ("tool_calls", "function"):
        if isinstance(value.get(key), list | dict):
            return _codes(value[key], name)
    called = next((value[key] for key in _CALLED if isinstance(value.get(key), str)), "")
    name = f"{name[:_NAME_CHARS]} {str(called)[:_NAME_CHARS]}"
    given = next((value[key] for key in _GIVEN if key in value), None)
    if called and given is not None:
        return _codes(given, name)
    if isinstance(code := value.get("code"), str):
        lone = not name.strip() and value.keys() <= _BESIDE_CODE and _is_python(value, code)
        return (code,) if lone or _runs_python(name) else ()
    found = [value[key] for key in _CODE if isinstance(value.get(key), str)]
    return (str(found[0]),) if found and _runs_python(name) else ()


def _is_call(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(map(_is_call, value[:1]))
    if not isinstance(value, dict):
        return False
    return "tool_calls" in value or (
        any(isinstance(value.get(key), str | dict) for key in _CALLED)
        and any(key in value for key in _GIVEN)
    )


def _runs_python(name: str) -> bool:
    """Tell by its name whether a tool runs Python."""
    name = re.sub("[^a-z]", "", name.lower())
    if any(word in name for word in _OTHER_LANGUAGES):
        return False
    words = ("python", "repl", "code", "exec", "interpreter", "jupyter")
    return any(word in name for word in words)


def _is_python(value: dict[str, object], code: str) -> bool:
    if value.get("language", "python") not in ("python", "py", "python3", "repl"):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(code, "<reply>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
