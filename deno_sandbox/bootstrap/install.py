"""Runs once in a fresh Pyodide, before the snapshot: installs the Python side of the sandbox.

`modules` is a JSON object of module names to sources, in the order in which they are imported.
"""

import gc
import json
import linecache
import sys
import types

# What generated code uses most, imported here so that the snapshot holds it
for _name in """
    abc argparse array ast asyncio base64 bisect bz2 calendar cmath codecs collections
    collections.abc concurrent.futures configparser contextlib copy csv dataclasses datetime
    decimal difflib email.message email.parser enum fnmatch fractions functools glob graphlib
    gzip hashlib heapq html html.parser inspect io itertools json linecache logging lzma math
    numbers operator os.path pathlib pickle platform pprint queue random re reprlib secrets
    shlex shutil sqlite3 statistics string struct tempfile textwrap threading time timeit
    tokenize tomllib traceback types typing unicodedata urllib.parse uuid xml.dom.minidom
    xml.etree.ElementTree zipfile zlib zoneinfo
""".split():
    __import__(_name)

for _name, _source in json.loads(globals().pop("modules")).items():
    _module = types.ModuleType(_name)
    _file = f"<{_name}>"
    _module.__file__ = _file
    if not _source:
        _module.__path__ = []
    sys.modules[_name] = _module
    exec(compile(_source, _file, "exec", dont_inherit=True), _module.__dict__)
    _parent, _, _child = _name.rpartition(".")
    if _parent:
        setattr(sys.modules[_parent], _child, _module)
del _name, _source, _module, _file, _parent, _child
linecache.clearcache()
# Nothing of this ever becomes garbage: later collections need not look at it
gc.collect()
gc.freeze()
