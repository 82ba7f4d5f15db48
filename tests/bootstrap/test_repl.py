"""The namespace and the running of code in it, under CPython."""

from __future__ import annotations

import sys

import pytest
from bootstrap.repl import Repl

pytestmark = pytest.mark.anyio


@pytest.fixture
def repl() -> Repl:
    return Repl()


async def run(repl: Repl, *cells: str) -> str | None:
    """Run cells; only the last may raise."""
    for number, code in enumerate(cells[:-1], 1):
        assert await repl.execute(code, number) is None
    return await repl.execute(cells[-1], len(cells))


SHOWN: dict[str, tuple[str, str]] = {
    "a last expression": ("1 + 1", "2\n"),
    "only the last one": ("1\n2\n3", "3\n"),
    "none": ("None", ""),
    "a call without value": ("print('a')", "a\n"),
    "an assignment": ("x = 5", ""),
    "nothing": ("", ""),
    "a comment": ("# x", ""),
    "a semicolon": ("x = 1; x", "1\n"),
    "text": ("'a\\n'", "'a\\n'\n"),
    "a function that sees later globals": ("def f(): return y\ny = 3\nf()", "3\n"),
    "functions that call each other": (
        "def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n and even(n - 1)\neven(10)",
        "True\n",
    ),
    "a class": (
        "class A:\n    n = 2\n    def f(self): return [A.n for _ in range(self.n)]\nA().f()",
        "[2, 2]\n",
    ),
    "a comprehension over globals": ("k = 2\n[k * i for i in range(3) if i != k]", "[0, 2]\n"),
    "a closure": (
        "def make():\n    n = 0\n    def add():\n        nonlocal n\n        n += 1\n"
        "        return n\n    return add\nadd = make()\nadd()\nadd()",
        "2\n",
    ),
    "a global statement": ("def f():\n    global g\n    g = 9\nf()\ng", "9\n"),
    "await": ("import asyncio\nawait asyncio.sleep(0, 'a')", "'a'\n"),
    "await in the middle": ("import asyncio\nx = await asyncio.sleep(0, 4)\nx + 1", "5\n"),
    "async for": ("async def g():\n    yield 1\n[n async for n in g()]", "[1]\n"),
    "async with": (
        "import asyncio\nasync with asyncio.timeout(9):\n    x = 1\nx",
        "1\n",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'\nP(1)",
        "P(x=1)\n",
    ),
    "type hints": (
        "import typing\ndef f(x: 'int'): pass\ntyping.get_type_hints(f)",
        "{'x': <class 'int'>}\n",
    ),
    "a large int": ("2**200", f"{2**200}\n"),
    "braces and quotes": ("'''{a} \"\"\" ``` '''", '\'{a} """ ``` \'\n'),
    "a main guard": ("if __name__ == '__main__':\n    print('main')", "main\n"),
    "no flags of ours": ("def f(x: 5): pass\nf.__annotations__", "{'x': 5}\n"),
    "CRLF": ("x = '''a\r\nb'''\r\nlen(x)\r\n", "3\n"),
    "tabs and an indented end": ("if True:\n\tx = 1\n\tx", ""),
}


@pytest.mark.parametrize(("code", "output"), SHOWN.values(), ids=SHOWN.keys())
async def test_code_runs_as_in_a_notebook(
    repl: Repl, capsys: pytest.CaptureFixture[str], code: str, output: str
) -> None:
    assert await run(repl, code) is None
    assert capsys.readouterr().out == output


async def test_the_namespace_lasts(repl: Repl, capsys: pytest.CaptureFixture[str]) -> None:
    await run(repl, "import math\ndef f(): return z", "z = math.pi", "f() == math.pi")
    assert capsys.readouterr().out == "True\n"


async def test_what_was_done_before_an_exception_stays(
    repl: Repl, capsys: pytest.CaptureFixture[str]
) -> None:
    error = await run(repl, "x = 1\nprint('before')\n1 / 0\nx = 2")
    assert error is not None and error.endswith("ZeroDivisionError: division by zero")
    assert await run(repl, "x") is None
    assert capsys.readouterr().out == "before\n1\n"


async def test_what_is_provided_comes_back_before_each_cell(
    repl: Repl, capsys: pytest.CaptureFixture[str]
) -> None:
    repl.provide("context", "given")
    await run(repl, "context = 'mine'\nprint(context)", "print(context)\ndel context", "context")
    assert capsys.readouterr().out == "mine\ngiven\n'given'\n"


async def test_another_name_stays_as_the_code_left_it_but_comes_back_once_deleted(
    repl: Repl, capsys: pytest.CaptureFixture[str]
) -> None:
    repl.provide("limits", "given")
    await run(repl, "limits = 'mine'", "print(limits)\ndel limits", "limits")
    assert capsys.readouterr().out == "mine\n'given'\n"


TRACEBACK = """Traceback (most recent call last):
  File "<cell 2>", line 2, in <module>
    f(0)
  File "<cell 1>", line 2, in f
    return 1 / n
ZeroDivisionError: division by zero"""


async def test_a_traceback_has_the_frames_and_lines_of_the_code(repl: Repl) -> None:
    error = await run(repl, "def f(n):\n    return 1 / n", "x = 1\nf(0)")
    assert error is not None
    # Versions of Python mark different places in the lines
    lines = [line for line in error.splitlines() if line.strip(" ~^")]
    assert "\n".join(lines) == TRACEBACK


async def test_frames_of_the_library_are_left_out(repl: Repl) -> None:
    error = await run(repl, "import json\njson.loads('{')")
    assert error is not None and error.count("  File ") == 1
    assert 'File "<cell 1>", line 2, in <module>' in error and "JSONDecodeError" in error


CHAINED = """
import json
def inner():
    json.loads('{')
try:
    try:
        inner()
    except ValueError as exc:
        raise KeyError('middle') from exc
except KeyError:
    json.dumps(object())
"""


async def test_chained_exceptions_are_shown_with_the_frames_of_the_code(repl: Repl) -> None:
    error = await run(repl, CHAINED)
    assert error is not None and error.count("Traceback (most recent call last)") == 3
    assert "The above exception was the direct cause" in error
    assert "During handling of the above exception" in error
    files = [line.split('"')[1] for line in error.splitlines() if line.startswith("  File ")]
    assert files == ["<cell 1>"] * 4


async def test_groups_are_shown_with_the_frames_of_the_code(repl: Repl) -> None:
    code = "import asyncio, json\nasync def f(): json.loads('{')\n"
    error = await run(
        repl, f"{code}async with asyncio.TaskGroup() as group:\n    group.create_task(f())"
    )
    assert error is not None and "ExceptionGroup: unhandled errors" in error
    assert "JSONDecodeError" in error
    files = [line.split('"')[1] for line in error.splitlines() if "  File " in line]
    assert set(files) == {"<cell 1>"}


async def test_a_cycle_of_causes_ends(repl: Repl) -> None:
    error = await run(
        repl, "a, b = KeyError(1), KeyError(2)\na.__cause__ = b\nb.__cause__ = a\nraise a"
    )
    assert error is not None and error.endswith("KeyError: 1")


ERRORS: dict[str, tuple[str, str]] = {
    "a syntax error": ("x = 1\ndef f(:\n", "SyntaxError: "),
    "a null byte": ("x = '\0'", "null bytes"),
    "code that is no text": ("'\ud800'", "UnicodeEncodeError"),
    "nesting": ("(" * 500 + ")" * 500, "too many nested parentheses"),
    "an object as message": ("raise ValueError(object())", "ValueError: <object object at"),
    "a __str__ that raises": (
        "class E(Exception):\n    def __str__(self): raise KeyError\nraise E",
        "E: <exception str() failed>",
    ),
    "a __str__ that exits": (
        "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
        "E: <exception str() failed>",
    ),
    "a __cause__ that raises": (
        "class E(Exception):\n    @property\n    def __cause__(self): raise KeyError\nraise E",
        "E: an exception that cannot be shown",
    ),
    "a repr that raises": (
        "class R:\n    def __repr__(self): raise KeyError('no repr')\nR()",
        "KeyError: 'no repr'",
    ),
    "a repr that is no text": ("class R:\n    def __repr__(self): return 5\nR()", "TypeError"),
    "a length that raises": (
        "class L(list):\n    def __len__(self): raise KeyError('no len')\nL()",
        "KeyError: 'no len'",
    ),
    "a recursion": ("def f(): f()\nf()", "RecursionError"),
    "sys.exit": (
        "import sys\nsys.exit(3)",
        "SystemExit: 3\nNote: sys.exit() does not end the node",
    ),
    "exit": ("exit()", "Note: sys.exit() does not end the node"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a cancellation": ("import asyncio\nraise asyncio.CancelledError", "CancelledError"),
    "a generator exit": ("raise GeneratorExit", "GeneratorExit"),
    "a missing module": ("import no_such_module", "Note: only Python's standard library is here"),
    "a missing file": ("open('/no/such/file')", "Note: no files of the outside are here"),
    "an end of input": ("raise EOFError", "Note: nobody is there to answer input()"),
    "another system error": ("raise ConnectionError('x')", "Note: there are no network"),
}


@pytest.mark.parametrize(("code", "message"), ERRORS.values(), ids=ERRORS.keys())
async def test_what_code_raises_is_an_error_and_the_namespace_goes_on(
    repl: Repl, capsys: pytest.CaptureFixture[str], code: str, message: str
) -> None:
    error = await run(repl, code)
    assert error is not None and message in error
    assert "repl.py" not in error
    assert await run(repl, "6 * 7") is None
    assert capsys.readouterr().out.endswith("42\n")


async def test_a_missing_module_is_told_with_what_there_is(repl: Repl) -> None:
    error = await run(repl, "import no_such_module")
    assert error is not None and error.endswith(
        "\nNote: only Python's standard library is here, and nothing can be installed"
    )
    repl.packages = ["attrs 26.1.0", "msgpack 1.2.4", *(f"p{n} 1" for n in range(5000))]
    error = await run(repl, "import no_such_module")
    assert error is not None and len(error) < 2000
    assert "library with attrs 26.1.0, msgpack 1.2.4, p0 1, " in error


async def test_a_syntax_error_shows_the_line(repl: Repl) -> None:
    error = await run(repl, "x = 1\ny = = 2")
    assert error is not None
    assert error.startswith('  File "<cell 1>", line 2\n    y = = 2\n')
    assert error.endswith("SyntaxError: invalid syntax")


async def test_a_long_error_keeps_both_of_its_ends(repl: Repl) -> None:
    error = await run(repl, "raise ValueError('a' * 500_000 + 'the end')")
    assert error is not None and len(error) < 21_000
    assert error.startswith("Traceback") and error.endswith("the end")
    assert "characters left out" in error


@pytest.mark.parametrize(
    ("code", "start", "end"),
    [
        ("'a' * 10_000_000 + 'z'", "'aaa", "az'\n"),
        ("b'a' * 10_000_000", "b'aaa", "a'\n"),
        ("list(range(10_000_000))", "list of 10000000, the first 10000: [0, 1, 2", "9999]\n"),
        ("set(range(1_000_000))", "set of 1000000, the first 10000: [0, 1", "]\n"),
        ("dict.fromkeys(range(1_000_000))", "dict of 1000000, the first 10000: [(0, None)", "]\n"),
    ],
)
async def test_a_very_large_value_is_shown_in_part(
    repl: Repl, capsys: pytest.CaptureFixture[str], code: str, start: str, end: str
) -> None:
    assert await run(repl, code) is None
    output = capsys.readouterr().out
    assert output.startswith(start) and output.endswith(end) and len(output) < 300_000


async def test_variables_are_what_the_code_has_assigned(repl: Repl) -> None:
    repl.provide("context", "given")
    repl.provide("llm_query", print)
    code = (
        "import math, json as j\nfrom collections import Counter\nfrom math import sin\n"
        "_hidden = 1\nword = 'abc'\nrows = [1, 2]\nnumber = 1.5\nglobals()[5] = 1\n"
        "def f(): pass\nclass A: pass\nclass L(list):\n    def __len__(self): raise KeyError\n"
        "odd = L()\nimport weakref\ndead = weakref.proxy(A())\n"
        "class Liar:\n    @property\n    def __class__(self): raise KeyError\nliar = Liar()"
    )
    assert await run(repl, code) is None
    assert repl.describe_variables() == {
        "word": "str, 3",
        "rows": "list, 2",
        "number": "float",
        "f": "function",
        "A": "type",
        "L": "type",
        "odd": "L, 0",
        "dead": "ProxyType",
        "Liar": "type",
        "liar": "Liar",
    }
    assert repl.variable_names() == list(repl.describe_variables())
    assert await run(repl, "context = 5\nllm_query = 6") is None
    assert {"context", "llm_query"} <= set(repl.variable_names())


async def test_values_are_told_in_short_and_no_code_of_theirs_is_run(repl: Repl) -> None:
    code = (
        "class Meta(type):\n    @property\n    def __name__(cls): raise KeyError\n"
        "class Odd(metaclass=Meta):\n    def __repr__(self): raise KeyError\n"
        "class Text(str):\n    def __repr__(self): raise KeyError\n"
        "class Liar:\n    @property\n    def __class__(self): raise KeyError\n"
        "del Meta\nodd, text, liar = Odd(), Text('abc'), Liar()\ndel Odd, Text, Liar\n"
        "none, yes, number, large = None, True, -1.5, 2**256\n"
        "short, long, data = 'a\\n', 'b' * 1000, b'c'\nrows = [Odd] if 0 else [1, 2]\n"
    )
    assert await run(repl, code) is None
    assert dict(zip(repl.variable_names(), repl.variable_values(), strict=True)) == {
        "odd": "Odd",
        "text": "Text, 3",
        "liar": "Liar",
        "none": "None",
        "yes": "True",
        "number": "-1.5",
        "large": "int",
        "short": "'a\\n'",
        "long": f"'{'b' * 60}'… (1,000)",
        "data": "b'c'",
        "rows": "list, 2",
    }


async def test_the_names_told_are_bounded(repl: Repl) -> None:
    await run(repl, "for n in range(1000): globals()[f'v{n}'] = n")
    assert len(repl.variable_names()) == 200


async def test_the_code_is_the_main_module(repl: Repl) -> None:
    assert (
        await run(repl, "class A: pass\nimport pickle\ncopy = pickle.loads(pickle.dumps(A()))")
        is None
    )
    assert type(repl.namespace["copy"]) is repl.namespace["A"]
    assert sys.modules["__main__"].__dict__ is repl.namespace


async def test_an_error_is_shown_though_an_interrupt_strikes_while_it_is(repl: Repl) -> None:
    code = """
class Struck(Exception):
    times = 0
    @property
    def __notes__(self):
        Struck.times += 1
        if Struck.times == 1:
            raise KeyboardInterrupt
raise Struck('shown')
"""
    error = await repl.execute(code, 1)
    assert error is not None and error.endswith("Struck: shown")


async def test_a_long_chain_of_calls_is_shown_by_both_of_its_ends(repl: Repl) -> None:
    error = await repl.execute("def f(n): return g(n)\ndef g(n): return f(n)\nf(0)", 1)
    assert error is not None and error.count("\n") < 60
    assert "line 3, in <module>" in error and "calls left out" in error
    assert error.endswith("RecursionError: maximum recursion depth exceeded")
