"""Three children in parallel, whose answers are composed as Python objects that no model reads."""

from __future__ import annotations

from collections.abc import Sequence

from rlm_runtime._types import Message

_NAMES = {
    "fruits": """apple apricot avocado banana bilberry blackberry blueberry boysenberry cherimoya
        cherry clementine coconut cranberry currant date dragonfruit durian elderberry feijoa fig
        gooseberry grape grapefruit guava jackfruit kiwi kumquat lemon lime loquat lychee mandarin
        mango melon mulberry nectarine olive orange papaya passionfruit peach pear persimmon
        pineapple plum pomegranate quince raspberry strawberry watermelon""",
    "countries": """Albania Algeria Andorra Argentina Armenia Australia Austria Bahrain Barbados
        Belgium Brazil Bulgaria Cambodia Canada Chile China Croatia Cyprus Denmark Ecuador Egypt
        Eritrea Estonia Ethiopia Finland France Georgia Germany Greece Honduras Hungary Iceland
        India Ireland Italy Japan Jordan Kenya Kyrgyzstan Liberia Madagascar Mexico Morocco Nigeria
        Norway Paraguay Peru Portugal Romania Serbia""",
    "animals": """aardvark albatross alligator antelope armadillo badger barracuda bear beaver
        buffalo butterfly camel caribou cat cheetah crocodile crow deer dog dolphin dragonfly eagle
        elephant ferret fox frog giraffe gorilla grasshopper hamster horse hummingbird jaguar
        kangaroo lion lobster monkey mouse ostrich otter panther parrot rabbit raccoon rhinoceros
        salamander squirrel tiger turtle zebra""",
}

_ROOT = """I ask one child for each kind, all at once, and put their answers together.

```repl
import asyncio

kinds = ["fruits", "countries", "animals"]
counts = await asyncio.gather(*[
    llm_query(f"List 50 {kind}. FINAL a dict: name -> how many times r occurs in it, any case.")
    for kind in kinds
])
assert all(len(each) == 50 for each in counts)
FINAL(dict(zip(kinds, counts)))
```
"""

_CHILD = '''I write the names down and let code count.

```repl
names = """{names}""".split()
counts = {{name: name.lower().count("r") for name in names}}
print(len(counts), sum(counts.values()))
```
'''

_CHILD_END = """There are fifty of them, so this is the answer.

```repl
FINAL(counts)
```
"""


def policy(messages: Sequence[Message]) -> str:
    """Play a model that delegates at the root, and counts in the children."""
    first = messages[1].content
    for kind, names in _NAMES.items():
        if f"List 50 {kind}." in first:
            return _CHILD.format(names=names) if len(messages) == 2 else _CHILD_END
    return _ROOT
