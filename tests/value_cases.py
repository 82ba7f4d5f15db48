"""The one table of values that both ends of the wire must carry, as source code.

A case is an expression, so that either end can make its value by itself; it is evaluated with
`NAMESPACE`. `same` compares type by type, so that 1, True and 1.0 are three values.
"""

from __future__ import annotations

import math

SETUP = """
import collections, dataclasses, enum
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from uuid import UUID
from zoneinfo import ZoneInfo
class Colour(enum.Enum):
    RED = "red"
class Level(enum.IntEnum):
    HIGH = 3
Point = collections.namedtuple("Point", "x y")
@dataclasses.dataclass
class Box:
    name: str
    size: tuple
class Name(str):
    def __str__(self): return "lied"
class Count(int):
    pass
class Row(list):
    def __iter__(self): return iter(())
class Table(dict):
    def items(self): return ()
def nest(levels, make=lambda inner: [inner]):
    value = "bottom"
    for _ in range(levels):
        value = make(value)
    return value
"""

EXACT: dict[str, str] = {
    "none": "None",
    "booleans": "[True, False]",
    "ints": "[0, -1, 2**53, 2**63, -2**64]",
    "int of 300 digits": "7**355",
    "int of 20,000 digits": "3**41918",
    "int of 20,000 digits in a list": "[1, -3**41918]",
    "int of 20,000 digits among others": "[1, 'a', 3**41918]",
    "floats": "[0.1, -0.0, 1e308, 5e-324, 1.0]",
    "nan and inf": "[float('nan'), float('inf'), -float('inf')]",
    "complex": "[1+2j, complex('nan+infj')]",
    "empty": "['', b'', [], (), {}, set(), frozenset()]",
    "text": "'grüße 漢字 \\U0001F600 \\x00 \\r\\n \\u2028'",
    "lone surrogates": "['\\ud83d', '\\udc00']",
    "surrogates that would make a pair": "'\\ud83d\\ude00'",
    "surrogates in a key": "{'\\ud83d\\ude00': '\\ud83d\\ude00'}",
    "long text": "'é' * 70000",
    "long text with surrogates in a list": "[1, '\\ud83d\\ude00' * 40000, 'x']",
    "long key": "{'k' * 70000: 1}",
    "many strings": "[str(i) for i in range(5000)]",
    "bytes": "[bytes(range(256)), b'', bytearray(b'abc')]",
    "blobs in order": "{'a': b'1', 'b': ['é' * 70000, b'22'], 'c': (b'333',)}",
    "tuple and list": "[(1, 2), [1, 2], ((),), [[]]]",
    "dict in order": "{'z': 1, 'a': 2, 'm': 3}",
    "dict with int keys": "{1: 'a', 2: 'b', -3: 'c'}",
    "dict with mixed keys": "{None: 1, True: 2, 2.5: 3, 'a': 4, (1, 'x'): 5, b'b': 6}",
    "dict with odd keys": "{frozenset({1}): 1, date(2020, 1, 1): 2, Decimal('1.50'): 3}",
    "dict that looks like a tag": "{'$': 'tuple', 'v': [1]}",
    "nested dict that looks like a tag": "[{'$': 1}, {'$': {'$': 'int', 'v': 'x'}}]",
    "set": "{1, 'a', (2, 3), None}",
    "frozenset": "frozenset({frozenset({1}), frozenset()})",
    "dates": "[date(1, 1, 1), date(9999, 12, 31)]",
    "times": "[time(), time(23, 59, 59, 999999), time(1, fold=1)]",
    "time with offset": "time(12, 30, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))",
    "datetimes": "[datetime(2020, 2, 29, 1, 2, 3, 4), datetime(1, 1, 1)]",
    "datetime in utc": "datetime(2020, 1, 1, tzinfo=timezone.utc)",
    "datetime with odd offset": "datetime(2020, 1, 1, tzinfo=timezone(timedelta(0, 61, 7)))",
    "datetime with named offset": "datetime(2020, 1, 1, tzinfo=timezone(timedelta(hours=1), 'X'))",
    "datetime in a zone": "datetime(2021, 10, 31, 2, 30, fold=1, tzinfo=ZoneInfo('Europe/Rome'))",
    "timedeltas": "[timedelta(-1, 5, 7), timedelta.max, timedelta.min]",
    "decimals": "[Decimal('1.10'), Decimal('-0'), Decimal('1E+999'), Decimal('0.1') ** 60]",
    "special decimals": "[Decimal('NaN123'), Decimal('sNaN'), Decimal('-Infinity')]",
    "fractions": "[Fraction(1, 3), Fraction(-(7**5000), 2)]",
    "uuid": "UUID('12345678-1234-5678-9abc-def012345678')",
    "paths": "[PurePosixPath('/a/../b'), PureWindowsPath('C:/x'), PurePosixPath('')]",
    "200 levels of list": "nest(200)",
    "200 levels of tuple": "nest(200, lambda inner: (inner,))",
    "200 levels of dict": "nest(200, lambda inner: {1: inner})",
    "flat list of rows": "[{'id': i, 'tags': ['a', i], 'ok': True} for i in range(200)]",
}
"""Values that must arrive as they are."""

CONVERTED: dict[str, tuple[str, str]] = {
    "enum": ("[Colour.RED, Level.HIGH]", "['red', 3]"),
    "enum as key": ("{Colour.RED: 1}", "{'red': 1}"),
    "dataclass": ("Box('b', (1, 2))", "{'name': 'b', 'size': (1, 2)}"),
    "namedtuple": ("[Point(1, {2})]", "[{'x': 1, 'y': {2}}]"),
    "counter": ("collections.Counter('aab')", "{'a': 2, 'b': 1}"),
    "defaultdict": ("collections.defaultdict(list, a=[1])", "{'a': [1]}"),
    "ordered dict": ("collections.OrderedDict(b=1, a=2)", "{'b': 1, 'a': 2}"),
    "deque inside of a list": ("[list(collections.deque([1, 2]))]", "[[1, 2]]"),
    "subclass of str that lies": ("[Name('true')]", "['true']"),
    "subclass of int": ("{Count(3): Count(4)}", "{3: 4}"),
    "subclass of list that lies": ("Row([1, 2])", "[1, 2]"),
    "subclass of dict that lies": ("Table(a=1)", "{'a': 1}"),
    "concrete path": ("Path('/a/b')", "PurePosixPath('/a/b')"),
    "shared reference": ("(lambda a: [a, a])([1])", "[[1], [1]]"),
}
"""Values that arrive as others: what is sent, and what must arrive."""

REFUSED: dict[str, tuple[str, str]] = {
    "function": ("{'a': [1, print]}", "value['a'][1]: a builtin_function_or_method cannot be sent"),
    "lambda": ("lambda: 1", "value: a function cannot be sent"),
    "object": ("object()", "value: a object cannot be sent"),
    "class": ("(Box,)", "value[0]: a type cannot be sent"),
    "generator": ("(i for i in [])", "value: a generator cannot be sent"),
    "object as a key": ("{(1, object): 1}", "[(1, <class 'object'>)][1]: a type cannot be sent"),
    "object in a dataclass": ("Box('x', (len,))", "value['size'][0]: a builtin_function_or"),
    "deque": ("collections.deque()", "value: a deque cannot be sent"),
    "201 levels": ("nest(201)", "it has more than 200 levels"),
    "100,000 levels": ("nest(100_000)", "it has more than 200 levels"),
    "cycle": ("(lambda a: a.append(a) or a)([])", "value[0]: this list contains itself"),
    "cycle through a dict": (
        "(lambda d: d.update(me=[d]) or d)({})",
        "value['me'][0]: this dict contains itself",
    ),
    "cycle through a dataclass": (
        "(lambda b: setattr(b, 'size', (b,)) or b)(Box('x', ()))",
        "value['size'][0]: this Box contains itself",
    ),
}
"""Values that cannot be sent, and what the error says."""

NAMESPACE: dict[str, object] = {"__name__": __name__}
exec(SETUP, NAMESPACE)


def make(source: str) -> object:
    """Evaluate the source of a case."""
    return eval(source, NAMESPACE)


def same(left: object, right: object) -> bool:
    """Compare two values type by type, nan with nan, and dicts in order."""
    if type(left) is not type(right):
        return False
    match left:
        case list() | tuple():
            assert isinstance(right, list | tuple)
            return len(left) == len(right) and all(map(same, left, right))
        case dict():
            assert isinstance(right, dict)
            return same(list(left), list(right)) and same(list(left.values()), list(right.values()))
        case set() | frozenset():
            assert isinstance(right, set | frozenset)
            return same(sorted(left, key=repr), sorted(right, key=repr))
        case float():
            assert isinstance(right, float)
            if math.isnan(left):
                return math.isnan(right)
            return left == right and math.copysign(1, left) == math.copysign(1, right)
        case complex():
            assert isinstance(right, complex)
            return same([left.real, left.imag], [right.real, right.imag])
    if type(left).__name__ in ("Decimal", "datetime", "time"):
        return repr(left) == repr(right)
    return left == right
