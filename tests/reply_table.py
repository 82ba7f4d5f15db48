"""What real models print, and what the loop makes of it: code that runs, or a reminder."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_runtime._prompts import Reminder


@dataclass(frozen=True, kw_only=True)
class Row:
    """A reply as it came, and what becomes of it."""

    text: str
    finish_reason: str | None = "stop"
    reasoning: str = ""
    runs: tuple[str, ...] = ()
    """The blocks that run, in order."""
    reminder: Reminder | None = None
    """What the model is told instead, where nothing runs."""


def _runs(text: str, *blocks: str) -> Row:
    return Row(text=text, runs=blocks)


def _reminds(text: str, kind: Reminder) -> Row:
    return Row(text=text, reminder=kind)


_LOOK = "print(len(context))"
_JSON_LOOK = '{"code": "print(len(context))"}'

CODE: dict[str, Row] = {
    "a block": _runs(f"```repl\n{_LOOK}\n```", _LOOK),
    "prose before and after": _runs(
        f"Let me look first.\n\n```repl\n{_LOOK}\n```\n\nThen I will go on.", _LOOK
    ),
    "two blocks": _runs("```repl\na = 1\n```\nand\n```repl\nprint(a)\n```", "a = 1", "print(a)"),
    "a python block alone": _runs(f"```python\n{_LOOK}\n```", _LOOK),
    "a python3 block alone": _runs(f"```python3\n{_LOOK}\n```", _LOOK),
    "Gemini's tool_code": _runs(f"```tool_code\n{_LOOK}\n```", _LOOK),
    "a bare block": _runs(f"```\n{_LOOK}\n```", _LOOK),
    "python that illustrates, beside repl": _runs(
        f"One could write\n```python\nFINAL('no')\n```\nbut I do:\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "made-up output, and an answer that rests on it": _runs(
        f"```repl\n{_LOOK}\n```\n\nOutput of reply 1 of 30:\n\n9\n\n```repl\nFINAL(9)\n```", _LOOK
    ),
    "made-up output in a fence": _runs(
        f"```python\n{_LOOK}\n```\n```output\n9\n```\n```python\nFINAL(9)\n```", _LOOK
    ),
    "ReAct's made-up observation": _runs(
        f"Code:\n```py\n{_LOOK}\n```\nObservation: 9\nCode:\n```py\nfinal_answer(9)\n```", _LOOK
    ),
    "made-up output under a heading": _runs(
        f"```repl\n{_LOOK}\n```\n**Output:**\n```\n9\n```\n```repl\nFINAL(9)\n```", _LOOK
    ),
    "a bold observation": _runs(
        f"```repl\n{_LOOK}\n```\n**Observation:** 9\n```repl\nFINAL(9)\n```", _LOOK
    ),
    "a made-up message of the user": _runs(
        f"```repl\n{_LOOK}\n```\nSo.<|im_end|><|im_start|>user\n9\n```repl\nFINAL(9)\n```", _LOOK
    ),
    "a made-up reply to a tool call": _runs(
        f'<tool_call>{{"name": "python", "arguments": {_JSON_LOOK}}}</tool_call>\n'
        "<tool_response>\n9\n</tool_response>\n```python\nFINAL(9)\n```",
        _LOOK,
    ),
    "what other code would give, before repl": _runs(
        f"Not\n```python\nFINAL(1)\n```\n```output\n1\n```\nbut\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "an observation in a string": _runs(
        '```repl\nx = """\nObservation: x\n"""\n```\nand\n```repl\nprint(2)\n```',
        *('x = """\nObservation: x\n"""', "print(2)"),
    ),
    "an observation of the model's own, before all code": _runs(
        f"Observation: it is long.\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "attributes": _runs(f"```repl {{id=1}}\n{_LOOK}\n```", _LOOK),
    "attributes without a space": _runs(f"```repl{{.numberLines}}\n{_LOOK}\n```", _LOOK),
    "R Markdown": _runs(f"```{{python}}\n{_LOOK}\n```", _LOOK),
    "upper case": _runs(f"```REPL\n{_LOOK}\n```", _LOOK),
    "tildes": _runs(f"~~~repl\n{_LOOK}\n~~~", _LOOK),
    "in a list": _runs(f"1. Look:\n   ```repl\n   {_LOOK}\n   ```\n2. Go on", _LOOK),
    "unclosed": _runs(f"```repl\n{_LOOK}", _LOOK),
    "CRLF": _runs(f"So:\r\n```repl\r\n{_LOOK}\r\n```\r\n", _LOOK),
    "smart quotes are the model's mistake": _runs("```repl\nprint(“x”)\n```", "print(“x”)"),
    "so is a no-break space": _runs("```repl\nx\u00a0= 1\n```", "x\u00a0= 1"),
    "ChatML's end": _runs(f"```repl\n{_LOOK}\n```<|im_end|>", _LOOK),
    "Llama's end": _runs(f"```repl\n{_LOOK}\n```\n<|eot_id|>", _LOOK),
    "smolagents' end": _runs(f"Code:\n```py\n{_LOOK}\n```<end_code>\nDone.", _LOOK),
    "smolagents' thought and code": _runs(
        f"Thought: I look at it.\n<code>\n{_LOOK}\n</code>", _LOOK
    ),
    "code tags in one line": _runs(f"<code>{_LOOK}</code>", _LOOK),
    "CodeAct": _runs(f"I look.\n<execute>\n{_LOOK}\n</execute>", _LOOK),
    "CodeAct, stopped before the end": _runs(f"<execute>\n{_LOOK}\n", _LOOK),
    "OpenHands": _runs(f"<execute_ipython>\n{_LOOK}\n</execute_ipython>", _LOOK),
    "python tags": _runs(f"<python>\n{_LOOK}\n</python>", _LOOK),
    "a fence in code tags": _runs(f"<code>\n```python\n{_LOOK}\n```\n</code>", _LOOK),
    "code with the end of its tag in it": _runs(
        "<execute>\nx = '''\n</execute>\n'''\n</execute>", "x = '''\n</execute>\n'''"
    ),
}

THOUGHTS: dict[str, Row] = {
    "before code": _runs(f"<think>I look.</think>\n```repl\n{_LOOK}\n```", _LOOK),
    "with code in them": _runs(
        f"<think>\n```repl\nFINAL('no')\n```\n</think>\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "that only end": _runs(
        f"I could\n```repl\nFINAL('no')\n```\n</think>\n\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "thinking": _runs(
        f"<thinking>\n```repl\nFINAL('no')\n```\n</thinking>\n```repl\n{_LOOK}\n```", _LOOK
    ),
    "reasoning": _runs(f"<reasoning>FINAL('no')</reasoning>\n```repl\n{_LOOK}\n```", _LOOK),
    "Gemini's": _runs(f"<thought>\nFINAL('no')\n</thought>\n```repl\n{_LOOK}\n```", _LOOK),
    "Magistral's": _runs(f"[THINK]\nFINAL('no')\n[/THINK]\n```repl\n{_LOOK}\n```", _LOOK),
    "Seed's": _runs(f"<seed:think>\nFINAL('no')\n</seed:think>```repl\n{_LOOK}\n```", _LOOK),
    "Kimi's": _runs(f"◁think▷FINAL('no')◁/think▷\n```repl\n{_LOOK}\n```", _LOOK),
    "with a tool call in them": _runs(
        f"<think>\n<tool_call>{_JSON_LOOK}</tool_call>\n</think>\n```repl\nx = 1\n```", "x = 1"
    ),
    "with made-up output, that only end": _runs(
        f"I could\n```repl\n{_LOOK}\n```\nObservation: 9\n</think>\n```repl\nx = 1\n```", "x = 1"
    ),
    "never closed": _reminds(f"<think>I look.\n```repl\n{_LOOK}\n```", "thoughts"),
    "never closed, thinking": _reminds(f"<thinking>\n```repl\n{_LOOK}\n```", "thoughts"),
    "nothing else": _reminds("<think>The answer is 42. FINAL(42)</think>", "thoughts"),
    "apart from an empty reply": Row(text="", reasoning="I look.", reminder="thoughts"),
    "in gpt-oss's channels": _runs(
        "<|channel|>analysis<|message|>I could FINAL(1)<|end|><|start|>assistant<|channel|>final"
        f"<|message|>I look.\n```repl\n{_LOOK}\n```<|return|>",
        _LOOK,
    ),
    "in gpt-oss's channels, and nothing else": _reminds(
        "<|channel|>analysis<|message|>I look.\n```repl\nFINAL('no')\n```", "thoughts"
    ),
    "of gpt-oss, its markers dropped": _runs(
        f"analysisWe look at it.\nFINAL('no')\nassistantfinal```repl\n{_LOOK}\n```", _LOOK
    ),
}

TOOL_CALLS: dict[str, Row] = {
    "Qwen and Hermes": _runs(
        f'<tool_call>\n{{"name": "python", "arguments": {_JSON_LOOK}}}\n</tool_call>', _LOOK
    ),
    "Qwen, after prose in its line": _runs(
        f'I look.<tool_call>{{"name": "repl", "arguments": {_JSON_LOOK}}}</tool_call>', _LOOK
    ),
    "two of them": _runs(
        '<tool_call>{"name": "python", "arguments": {"code": "a = 1"}}</tool_call>\n'
        '<tool_call>{"name": "python", "arguments": {"code": "b = 2"}}</tool_call>',
        *("a = 1", "b = 2"),
    ),
    "arguments as a str": _runs(
        '<tool_call>{"name": "python", "arguments": "{\\"code\\": \\"x = 1\\"}"}</tool_call>',
        "x = 1",
    ),
    "line breaks inside of a JSON str": _runs(
        '<tool_call>{"name": "python", "arguments": {"code": "a = 1\nb = 2"}}</tool_call>',
        "a = 1\nb = 2",
    ),
    "Qwen3-Coder": _runs(
        "<tool_call>\n<function=execute_python>\n<parameter=code>\na = 1\nif a:\n    b = '<'\n"
        "</parameter>\n</function>\n</tool_call>",
        "a = 1\nif a:\n    b = '<'",
    ),
    "Llama's function": _runs(f"<function=python>{_JSON_LOOK}</function>", _LOOK),
    "Llama's python tag": _runs(f"<|python_tag|>{_LOOK}<|eom_id|>", _LOOK),
    "Mistral": _runs(f'[TOOL_CALLS][{{"name": "python", "arguments": {_JSON_LOOK}}}]', _LOOK),
    "newer Mistral": _runs(f"[TOOL_CALLS]python[ARGS]{_JSON_LOOK}", _LOOK),
    "Kimi": _runs(
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.python:0"
        f"<|tool_call_argument_begin|>{_JSON_LOOK}<|tool_call_end|><|tool_calls_section_end|>",
        _LOOK,
    ),
    "DeepSeek": _runs(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>python\n"
        f"```json\n{_JSON_LOOK}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        _LOOK,
    ),
    "newer DeepSeek": _runs(
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>python<｜tool▁sep｜>"
        f"{_JSON_LOOK}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        _LOOK,
    ),
    "GLM": _runs(
        f"<tool_call>python\n<arg_key>code</arg_key>\n<arg_value>{_LOOK}</arg_value>\n</tool_call>",
        _LOOK,
    ),
    "Claude in words": _runs(
        '<function_calls>\n<invoke name="python">\n<parameter name="code">x = 1</parameter>\n'
        "</invoke>\n</function_calls>",
        "x = 1",
    ),
    "DeepSeek in DSML": _runs(
        '<｜DSML｜function_calls>\n<｜DSML｜invoke name="python">\n'
        '<｜DSML｜parameter name="code" string="true">x = 1</｜DSML｜parameter>\n'
        "</｜DSML｜invoke>\n</｜DSML｜function_calls>",
        "x = 1",
    ),
    "Claude's parameter with a type": _runs(
        '<invoke name="python"><parameter name="code" type="string">x = 1</parameter></invoke>',
        "x = 1",
    ),
    "gpt-oss, by JSON": _runs(
        "<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary"
        f" to=functions.python <|constrain|>json<|message|>{_JSON_LOOK}<|call|>",
        _LOOK,
    ),
    "gpt-oss, raw": _runs(f"<|channel|>analysis to=python code<|message|>{_LOOK}<|call|>", _LOOK),
    "ReAct's JSON": _runs(
        '```json\n{"action": "python_repl", "action_input": "print(1)"}\n```', "print(1)"
    ),
    "JSON of a tool": _runs('```json\n{"tool": "python", "code": "print(1)"}\n```', "print(1)"),
    "OpenAI's object": _runs(
        '{"tool_calls": [{"type": "function", "function": {"name": "python",'
        ' "arguments": "{\\"code\\": \\"x = 1\\"}"}}]}',
        "x = 1",
    ),
    "nothing but JSON": _runs(_JSON_LOOK, _LOOK),
    "nothing but JSON, with thoughts": _runs(
        '{"thought": "I look.", "code": "print(1)"}', "print(1)"
    ),
    "JSON in a bare fence": _runs(f"```\n{_JSON_LOOK}\n```", _LOOK),
    "a fence in a tool call": _runs(f"<tool_call>\n```repl\n{_LOOK}\n```\n</tool_call>", _LOOK),
    "beside a repl block": _runs(
        '```json\n{"tool": "python", "code": "FINAL(1)"}\n```\n```repl\nx = 1\n```', "x = 1"
    ),
    "of another tool": _reminds(
        '<tool_call>{"name": "search", "arguments": {"query": "flood"}}</tool_call>', "tool_call"
    ),
    "of another language": _reminds(
        '<tool_call>{"name": "bash", "arguments": {"code": "ls"}}</tool_call>', "tool_call"
    ),
    "of another tool too": _reminds(
        '[{"name": "python", "arguments": {"code": "x = 1"}},'
        ' {"name": "search", "arguments": {"query": "flood"}}]',
        "tool_call",
    ),
    "of FINAL": _reminds(
        '```json\n{"name": "FINAL", "arguments": {"value": 42}}\n```', "tool_call"
    ),
    "broken off": _reminds('<tool_call>{"name": "python", "arguments": {"co', "tool_call"),
    "without text": Row(text="", finish_reason="tool_calls", reminder="tool_call"),
}

NO_CODE: dict[str, Row] = {
    "prose": _reminds("I will look at the context first.", "no_code"),
    "an answer in markdown": _reminds("## Answer\n\n**42**, as chapter 3 says.", "no_code"),
    "a boxed answer": _reminds("The final answer is $\\boxed{42}$.", "no_code"),
    "an answer in tags": _reminds("<answer>42</answer>", "no_code"),
    "a refusal": _reminds("I'm sorry, but I can't help with that.", "no_code"),
    "a question": _reminds("Could you share the document with me?", "no_code"),
    "another language": _reminds("```bash\ngrep -c flood context.txt\n```", "no_code"),
    "data in JSON": _reminds('```json\n{"answer": 42, "code": "E7"}\n```', "no_code"),
    "an answer in JSON": _reminds('{"answer": 42}', "no_code"),
    "FINAL in a sentence": _reminds("I will call FINAL(42) when I am done.", "no_code"),
    "FINAL in a comment": _reminds("# then FINAL_VAR(result)", "no_code"),
    "FINAL of an expression": _reminds("FINAL(len(context))", "no_code"),
    "FINAL in inline code": _reminds("`FINAL(42)`", "no_code"),
    "a block in a quote": _reminds(f"> ```repl\n> {_LOOK}\n> ```", "no_code"),
    "code in one line": _reminds(f"```repl {_LOOK}```", "no_code"),
    "code without a fence, and FINAL in it": _reminds(
        "total = context.count('a')\nprint(total)\nFINAL('total')", "no_code"
    ),
    "an empty block": _reminds("```repl\n```", "empty"),
    "nothing": _reminds("", "empty"),
    "white space": _reminds(" \n\n\t", "empty"),
    "only the end of a turn": _reminds("<|im_end|>", "empty"),
    "a tag inside of a sentence": _reminds("<code>context</code> is a str of\nlines.", "no_code"),
    "a word of gpt-oss in a sentence": _reminds(
        "It prints assistantfinal```repl\nprint(1)", "no_code"
    ),
    "a tool call in inline code": _reminds("I would write `<tool_call>` here.", "no_code"),
}

FINALS: dict[str, Row] = {
    "a literal": _runs("I know it.\nFINAL(42)", "FINAL(42)"),
    "after a word that Python could read": _runs("Done\nFINAL(42)", "FINAL(42)"),
    "before the end of a turn": _runs("FINAL(42)<|im_end|>", "FINAL(42)"),
    "after thoughts": _runs("<thinking>FINAL(1)?</thinking>\nFINAL('b')", "FINAL('b')"),
    "in a channel": _runs("<|channel|>final<|message|>FINAL(42)<|return|>", "FINAL(42)"),
    "over lines": _runs("FINAL([\n  1,\n  2,\n])", "FINAL([1, 2])"),
}

CUT: dict[str, Row] = {
    "in a block": Row(text="```repl\nx = 'a'\nFINAL(x", finish_reason="length", reminder="cut"),
    "in a block that seems whole": Row(
        text="```repl\nFINAL('half", finish_reason="length", reminder="cut"
    ),
    "after a whole block": Row(
        text=f"```repl\n{_LOOK}\n```\nThen\n```repl\ny = [", finish_reason="length", reminder="cut"
    ),
    "in prose": Row(text="The first chapter tells", finish_reason="length", reminder="cut"),
    "after an answer": Row(text="FINAL(4", finish_reason="length", reminder="cut"),
    "in thoughts": Row(text="<think>Well", finish_reason="length", reminder="cut"),
    "before the first word": Row(text="", reasoning="Hm", finish_reason="length", reminder="cut"),
    "in Anthropic's word": Row(text="```repl\nx", finish_reason="max_tokens", reminder="cut"),
    "by a filter": Row(
        text=f"```repl\n{_LOOK}\n```", finish_reason="content_filter", reminder="filtered"
    ),
    "by a filter, nothing left": Row(text="", finish_reason="content_filter", reminder="filtered"),
}

REPLIES: dict[str, Row] = {
    f"{group}: {name}": row
    for group, rows in {
        "code": CODE,
        "thoughts": THOUGHTS,
        "tool call": TOOL_CALLS,
        "no code": NO_CODE,
        "answer": FINALS,
        "cut": CUT,
    }.items()
    for name, row in rows.items()
}
"""Every row, by its group and name."""
