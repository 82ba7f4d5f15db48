"""Every form that a reply takes, by name; and replies made to hurt."""

from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._parsing import Reply, parse_reply

BLOCKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "a repl fence": ("Look:\n```repl\nprint(1)\n```\nDone.", ("print(1)",)),
    "several run in order": (
        "```repl\na = 1\n```\nthen\n```repl\nb = 2\n```\n```repl\nc = 3\n```",
        ("a = 1", "b = 2", "c = 3"),
    ),
    "a python fence where there is no repl": ("```python\nx = 1\n```", ("x = 1",)),
    "a py fence where there is no repl": ("```py\nx = 1\n```", ("x = 1",)),
    "a bare fence where there is no repl": ("```\nx = 1\n```", ("x = 1",)),
    "python, py and bare in order": (
        "```python\na\n```\n```\nb\n```\n```py\nc\n```",
        ("a", "b", "c"),
    ),
    "repl wins over python, py and bare": (
        "```python\na\n```\n```repl\nb\n```\n```\nc\n```\n```py\nd\n```",
        ("b",),
    ),
    "an empty repl fence does not win": ("```repl\n```\n```python\na\n```", ("a",)),
    "json is never code": ('```json\n{"a": 1}\n```', ()),
    "bash is never code": ("```bash\nls\n```", ()),
    "text is never code": ("```text\nx = 1\n```", ()),
    "strings in text are not followed": (
        '```text\n"""\n```\n"""\n```repl\nx\n```',
        ("x",),
    ),
    "python3 is python": ("```python3\nx = 1\n```", ("x = 1",)),
    "javascript is never code": ("```javascript\nx = 1\n```", ()),
    "a repl fence shown inside a markdown one is no code": (
        "````markdown\n```repl\nx = 1\n```\n````",
        (),
    ),
    "another language beside python": ("```json\n1\n```\n```python\nx\n```", ("x",)),
    "blank blocks are no code": ("```repl\n\n  \n```\n```repl\nx\n```", ("x",)),
    "leading blank lines keep their line numbers": ("```repl\n\nx\n\n```", ("\nx",)),
    "fence in a triple-double-quoted string": (
        '```repl\np = """\n```\ncode\n```\n"""\nprint(p)\n```\nbye',
        ('p = """\n```\ncode\n```\n"""\nprint(p)',),
    ),
    "fence in a triple-single-quoted string": (
        "```repl\np = '''\n```\n'''\n```",
        ("p = '''\n```\n'''",),
    ),
    "repl fence in a triple-quoted string": (
        '```repl\np = """Write\n```repl\nx\n```\n"""\n```\n```repl\ny\n```',
        ('p = """Write\n```repl\nx\n```\n"""', "y"),
    ),
    "fence in a triple-quoted f-string": (
        '```repl\np = f"""{d["a"]}\n```\n{x!r}"""\n```',
        ('p = f"""{d["a"]}\n```\n{x!r}"""',),
    ),
    "other quotes inside a triple-quoted string": (
        "```repl\np = '''a \"\"\" b ' \\''' c\n```\n'''\n```",
        ("p = '''a \"\"\" b ' \\''' c\n```\n'''",),
    ),
    "triple quotes in a comment open nothing": (
        '```repl\nx = 1  # """\n```\nWell """ yes\n```repl\ny\n```',
        ('x = 1  # """', "y"),
    ),
    "triple quotes in a string open nothing": (
        "```repl\nx = '\"\"\"'\ny = \"'''\"\n```\nText\n```\n",
        ("x = '\"\"\"'\ny = \"'''\"",),
    ),
    "a hash in a string begins no comment": (
        '```repl\nx = "#" + """\n```\n"""\n```',
        ('x = "#" + """\n```\n"""',),
    ),
    "an apostrophe in a comment opens nothing": (
        "```repl\n# don't\nx = 1\n```\nI don't.\n```repl\ny\n```",
        ("# don't\nx = 1", "y"),
    ),
    "a string over two lines by a backslash": (
        '```repl\nx = \'a\\\n"""b\'\n```\n"""\n```repl\ny\n```',
        ('x = \'a\\\n"""b\'', "y"),
    ),
    "a one-line string that is never closed ends with its line": (
        "```repl\nx = 'oops\n```\nIt's so.\n```repl\ny\n```",
        ("x = 'oops", "y"),
    ),
    "a string that is never closed ends at the first fence": (
        '```repl\nx = """oops\n```\nI see.\n```repl\ny = """fine"""\n```',
        ('x = """oops', 'y = """fine"""'),
    ),
    "a fence inside a line of code is text": ("```repl\nx = 'a```b'\n```", ("x = 'a```b'",)),
    "CRLF": ("Hi\r\n```repl\r\na = 1\r\nb = 2\r\n```\r\n", ("a = 1\nb = 2",)),
    "an unclosed last fence": ("```repl\na\n```\n```repl\nb\nc\n", ("a", "b\nc")),
    "an unclosed last fence with a fence in a string": (
        '```repl\np = """\n```\n"""\nprint(p)',
        ('p = """\n```\n"""\nprint(p)',),
    ),
    "a forgotten closing fence": ("```repl\na\n\n```repl\nb\n```", ("a", "b")),
    "an indented fence": (
        "1. Look:\n   ```repl\n   if x:\n       y\n   ```\n2. Go",
        ("if x:\n    y",),
    ),
    "a fence indented by a tab": ("\t```repl\n\tif x:\n\t\ty\n\t```", ("if x:\n\ty",)),
    "a fence right after a list marker": ("- ```repl\n  a\n  b\n  ```", ("a\nb",)),
    "an indented fence around code that is not": (
        "   ```repl\nif x:\n    y\n   ```",
        ("if x:\n    y",),
    ),
    "a string less indented than its fence": (
        '  ```repl\n  p = """\na\n    b"""\n  ```',
        ('p = """\na\n  b"""',),
    ),
    "four backticks": ("````repl\nx = 1\n````", ("x = 1",)),
    "four backticks are not closed by three": (
        "````python\n# see\n```\nx\n````",
        ("# see\n```\nx",),
    ),
    "four backticks are not cut short by three": (
        "````repl\n# see\n```repl\nx\n````",
        ("# see\n```repl\nx",),
    ),
    "three backticks are closed by four": ("```repl\nx\n````\ntext", ("x",)),
    "tildes": ("~~~repl\nx\n```\n~~~", ("x\n```",)),
    "a bare fence of tildes": ("~~~\nx\n~~~", ("x",)),
    "an info string with more words": ("```repl title=a.py\nx\n```", ("x",)),
    "a space before the language": ("``` repl\nx\n```", ("x",)),
    "upper case Repl": ("```Repl\nx\n```\n```python\ny\n```", ("x",)),
    "upper case Python": ("```PYTHON\nx\n```", ("x",)),
    "spaces after the closing fence": ("```repl\nx\n```  \ntext", ("x",)),
    "code in one line is no fence": ("```repl x = 1```\ntext", ()),
    "a fence within a line is no fence": ("Use ```repl\nx\n", ()),
    "a fence in a blockquote is no code": ("> ```repl\n> x\n> ```", ()),
    "a fence in think": ("<think>\n```repl\na\n```\n</think>\n```repl\nb\n```", ("b",)),
    "only a fence in think": ("<think>```repl\na\n```</think>\nHm.", ()),
    "an unclosed think": ("```repl\na\n```\n<think>\n```repl\nb\n```", ("a",)),
    "only the end of think": ("Hm\n```repl\na\n```\n</think>\n```repl\nb\n```", ("b",)),
    "only the end of think, after an open fence": (
        "Hm\n```repl\na\n</think>\n```repl\nb\n```",
        ("b",),
    ),
    "the end of think right before a fence": ("<think>a</think>```repl\nb\n```", ("b",)),
    "several thinks": ("<think>\n```\na\n```\n</think>\n```\nb\n```\n<think>c</think>", ("b",)),
    "think in a string of code": (
        "```repl\na = '<think>'\nb = '''\n</think>\n<think>'''\n```\n```repl\nc\n```",
        ("a = '<think>'\nb = '''\n</think>\n<think>'''", "c"),
    ),
    "think in a bare fence": ("```\n<think>\n```\n```repl\nx\n```", ("x",)),
    "think in inline code": ("Cut `<think>` and `</think>`:\n```repl\nx\n```", ("x",)),
    "no code at all": ("I do not know.", ()),
    "nothing": ("", ()),
}


@pytest.mark.parametrize(("text", "blocks"), BLOCKS.values(), ids=BLOCKS.keys())
def test_code(text: str, blocks: tuple[str, ...]) -> None:
    reply = parse_reply(text)
    assert reply.blocks == blocks
    assert reply.final is None


FINALS: dict[str, tuple[str, str | None]] = {
    "an int": ("FINAL(42)", "FINAL(42)"),
    "a negative number": ("FINAL(-1.5)", "FINAL(-1.5)"),
    "a complex number": ("FINAL(1+2j)", "FINAL(1 + 2j)"),
    "True": ("FINAL(True)", "FINAL(True)"),
    "a str": ('FINAL("yes")', "FINAL('yes')"),
    "a str with a parenthesis": ('FINAL("a) (b")', "FINAL('a) (b')"),
    "a str with escaped quotes": (r"FINAL('a\') \\')", r"""FINAL("a') \\")"""),
    "bytes": (r"FINAL(b'\x00')", r"FINAL(b'\x00')"),
    "a lone surrogate": (r"FINAL('\ud800')", r"FINAL('\ud800')"),
    "an unknown escape": (r"FINAL('\d')", r"FINAL('\\d')"),
    "nested containers": (
        "FINAL({'a': [1, (2, {3})], 'b': {}})",
        "FINAL({'a': [1, (2, {3})], 'b': {}})",
    ),
    "several lines": ("So:\nFINAL({\n  'a': [\n    1,\n  ],\n})\nBye", "FINAL({'a': [1]})"),
    "a triple-quoted str": ('FINAL("""a)\n\n"b" (c""")', "FINAL('a)\\n\\n\"b\" (c')"),
    "fences in a triple-quoted str": (
        'FINAL("""\n```python\nx\n```\n""")',
        "FINAL('\\n```python\\nx\\n```\\n')",
    ),
    "think in a str": ("FINAL('<think>')", "FINAL('<think>')"),
    "a name": ("FINAL(result)", "FINAL(result)"),
    "FINAL_VAR, bare": ("FINAL_VAR(result)", "FINAL_VAR('result')"),
    "FINAL_VAR, quoted": ('FINAL_VAR("result")', "FINAL_VAR('result')"),
    "a comment after it": ("FINAL(1)  # done", "FINAL(1)"),
    "the first valid one wins": ("FINAL(not it)\nFINAL(1)\nFINAL(2)", "FINAL(1)"),
    "a valid one inside one that never ends": ("FINAL(oops\nFINAL(1)", "FINAL(1)"),
    "after think": ("<think>FINAL(1)</think>FINAL(2)", "FINAL(2)"),
    "after the end of think": ("FINAL(1)\n</think>\nFINAL(2)", "FINAL(2)"),
    "after a fence that is no code": ("```json\n1\n```\nFINAL(2)", "FINAL(2)"),
    "after an empty block": ("```repl\n```\nFINAL(2)", "FINAL(2)"),
    "CRLF before it": ("a\r\nFINAL(\r\n1)\r\n", "FINAL(1)"),
    "not at the start of a line": ("I will call FINAL(result) when done", None),
    "words after it": ("FINAL(result) is what I call then", None),
    "a full stop after it": ("FINAL(result).", None),
    "a second call after it": ("FINAL(1); FINAL(2)", None),
    "in a comment": ("# then FINAL_VAR(result)", None),
    "indented": ("    FINAL(1)", None),
    "in inline code": ("`FINAL(1)`", None),
    "in a blockquote": ("> FINAL(1)", None),
    "in a list": ("- FINAL(1)", None),
    "in think": ("<think>\nFINAL(1)\n</think>", None),
    "in an unclosed think": ("Hm <think>\nFINAL(1)", None),
    "completed by a thought": ("FINAL([1, <think>\n2])\n</think>", None),
    "in a text fence": ("```text\nFINAL(1)\n```", None),
    "prose": ("FINAL(not a literal prose)", None),
    "dots": ("FINAL(...)", None),
    "dots in a list": ("FINAL([1, ...])", None),
    "no argument": ("FINAL()", None),
    "two arguments": ("FINAL(1, 2)", None),
    "a keyword": ("FINAL(value=1)", None),
    "a starred argument": ("FINAL(*[1])", None),
    "a call": ("FINAL(print(1))", None),
    "an attribute": ("FINAL(a.b)", None),
    "an f-string": ("FINAL(f'{x}')", None),
    "an expression": ("FINAL(1) + FINAL(2)", None),
    "a sum": ("FINAL(1 + 2)", None),
    "an unhashable key": ("FINAL({[]: 1})", None),
    "an unhashable member": ("FINAL({[]})", None),
    "never closed": ("FINAL([1, 2", None),
    "a null character": ("FINAL('\0')", None),
    "a raw lone surrogate": ("FINAL('\ud800')", None),
    "too many digits": (f"FINAL({'9' * 5000})", None),
    "too deep": (f"FINAL({'[' * 500}{']' * 500})", None),
    "another name": ("FINALLY(1)", None),
    "FINAL_VAR of no name": ('FINAL_VAR("a b")', None),
    "FINAL_VAR of a number": ("FINAL_VAR(1)", None),
}


@pytest.mark.parametrize(("text", "final"), FINALS.values(), ids=FINALS.keys())
def test_answer_as_text(text: str, final: str | None) -> None:
    reply = parse_reply(text)
    assert reply.final == final
    assert reply.blocks == ()


@pytest.mark.parametrize("fence", ["repl", "python", "py", ""])
def test_answer_as_text_does_not_count_beside_code(fence: str) -> None:
    for text in (f"FINAL(1)\n```{fence}\nx\n```", f"```{fence}\nx\n```\nFINAL(1)"):
        reply = parse_reply(text)
        assert (reply.blocks, reply.final, reply.prose) == (("x",), None, "FINAL(1)")


def test_answer_in_code_is_code() -> None:
    reply = parse_reply("```repl\nFINAL(1)\n```")
    assert reply == Reply(blocks=("FINAL(1)",))


PROSE: dict[str, tuple[str, str]] = {
    "around code": ("  First.\n```repl\nx\n```\nSecond.\n\n", "First.\nSecond."),
    "without thoughts": ("<think>No.</think>\nYes.", "Yes."),
    "before an unclosed think": ("Yes <think>no\nno", "Yes"),
    "on both sides of a thought": ("One <think>no</think>two", "One two"),
    "after the end of think": ("no</think> no </think>yes", "yes"),
    "fences of other languages": ('See\n```json\n{"a": 1}\n```', 'See\n```json\n{"a": 1}\n```'),
    "without an answer that counts": ("So:\nFINAL(1)\nBye.", "So:\nBye."),
    "with an answer that does not": ("So FINAL(1)", "So FINAL(1)"),
    "without python that does not run": ("a\n```repl\nx\n```\n```python\ny\n```", "a"),
}


@pytest.mark.parametrize(("text", "prose"), PROSE.values(), ids=PROSE.keys())
def test_prose(text: str, prose: str) -> None:
    assert parse_reply(text).prose == prose


_PIECES = st.sampled_from(
    "``` ```repl ```py ~~~ ```` <think> </think> FINAL( FINAL_VAR( \"\"\" ''' ' \" \\ # ( ) [ ] "
    "{ } x 42 , : - > \t \r\n \ud800 \0".split(" ")
) | st.sampled_from(["\n", " ", "\n\n"])


@settings(deadline=None)
@given(st.text() | st.lists(_PIECES).map("".join))
def test_any_text_is_a_reply(text: str) -> None:
    reply = parse_reply(text)
    assert all(block.strip() for block in reply.blocks)
    assert reply.prose == reply.prose.strip()
    assert not (reply.blocks and reply.final)


_LITERALS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None)
@given(_LITERALS)
def test_any_literal_comes_through_unchanged(value: object) -> None:
    final = parse_reply(f"So:\nFINAL({value!r})\n").final
    assert final is not None
    assert ast.literal_eval(final.removeprefix("FINAL")) == value


@settings(deadline=None)
@given(st.lists(_PIECES).map("".join))
def test_code_with_any_string_in_it_comes_out_whole(content: str) -> None:
    code = f"x = 1\ny = {'(' + repr(content) + ')'}\nz = '''\n```\n'''"
    assert parse_reply(f"Text\n```repl\n{code}\n```\nFINAL(1)\n").blocks == (code,)


HOSTILE = {
    "backticks": ("", "`"),
    "parentheses": ("", "("),
    "thinks": ("", "<think>"),
    "whole thinks": ("", "<think></think>"),
    "ends of think": ("", "</think>\n"),
    "open fences": ("", "```repl\n"),
    "open fences in a string": ('```repl\n"""\n```\n', "```repl\n"),
    "bare fences": ("", "```\n"),
    "fences in strings that never end": ("", '```repl\n# """\n"""\n```\n'),
    "answers in brackets that never end": ("", "FINAL(\n"),
    "answers in strings that never end": ("", 'FINAL([ # """\n"""\n'),
    "answers that are none": ("", "FINAL(x y)\n"),
    "answers": ("", "FINAL(1)\n"),
    "an answer of brackets": ("FINAL(", "["),
    "an answer of minuses": ("FINAL(", "-"),
    "an answer of calls": ("FINAL(", "()"),
    "code spans": ("", "` `` ``` "),
    "quotes in code": ("```repl\n", "'"),
    "quotes in a string": ("```repl\n'''", '"'),
    "brackets in code": ("```repl\n", "()"),
    "backslashes in a string": ("```repl\n'", "\\"),
    "spaces": ("", " "),
    "list markers": ("", "1. "),
    "thoughts of every kind": ("", "<thinking><reasoning>[THINK]◁think▷"),
    "ends of thoughts": ("", "[/THINK]\n</thought>"),
    "tool calls": ("", "<tool_call>"),
    "tool calls on lines": ("", "<tool_call>\n"),
    "tool calls in a line of prose": ("x", " <tool_call>{}"),
    "whole tool calls": ("", '<tool_call>{"name":"python","arguments":{"code":"x"}}</tool_call>\n'),
    "tool calls with parameters": ("", "<function=python><parameter=x>"),
    "a tool call of parameters": ("<function=search>", "<parameter=x>"),
    "a tool call of keys": ("<tool_call>", "<arg_key>x</arg_key>  "),
    "a tool call of spaces": ("<tool_call>python<arg_key>code</arg_key><arg_value>", " "),
    "a tool call of brackets": ("[TOOL_CALLS]", "["),
    "a tool call of arguments": ("[TOOL_CALLS]", "[ARGS]"),
    "python tags": ("", "<|python_tag|>"),
    "JSON of brackets": ("", '{"arguments":'),
    "JSON of calls": ('[{"name":"python","arguments":["', '","'),
    "fences of JSON": ("", '```json\n{"code":"x"}\n```\n'),
    "code tags": ("", "<code>\n"),
    "code tags in a line": ("", "<code></code>x\n"),
    "ends of code tags": ("<code>\n", "</code>"),
    "ends of code tags in strings": ("<code>\n", "''' </code>\n"),
    "fences with tags after them": ("```\n", "```" + "<a>" * 30 + "x\n"),
    "a fence with tags after it": ("```\n```", "<a>"),
    "channels": ("<|channel|>", "<|message|>"),
    "messages of channels": ("", "<|start|>assistant<|channel|>analysis<|message|>x<|end|>"),
    "recipients": ("<|channel|>", " to=x"),
    "ends of turns": ("", "</s>\n "),
    "spaces before the end of a turn": ("</s>", " "),
}


@pytest.mark.parametrize(("before", "piece"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_megabyte_of_anything_is_read_in_time(before: str, piece: str) -> None:
    text = before + piece * (1_000_000 // len(piece))
    began = time.process_time()
    parse_reply(text)
    assert time.process_time() - began < 2


def test_after_much_reading_ahead_the_first_end_is_taken() -> None:
    block = '# """\n"""'
    reply = parse_reply(f"```repl\n{block}\n```\n" * 20_000)
    assert reply.blocks == (block,) * 20_000
