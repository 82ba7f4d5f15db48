"""The attacks from Python: what hostile code tries, and what stops it; see attacks.py."""

from __future__ import annotations

from tests.e2e.attacks import Attack

PYTHON: list[Attack] = [
    *(
        (f"open({path!r}).read()", "FileNotFoundError", "No such file or directory")
        for path in ("/proc/self/environ", "/etc/passwd", "$folder/secret.txt")
    ),
    ("open('$folder/new', 'w')", "FileNotFoundError", "No such file or directory"),
    ("import os; os.listdir('$folder')", "FileNotFoundError", "No such file or directory"),
    ("import os; os.environ['$variable']", "KeyError", "'$variable'"),
    ("import os; os.system('id')", "OSError", "no processes"),
    ("import os; os.popen('id').read()", "OSError", "emscripten does not support processes"),
    ("import os; os.fork()", "OSError", "Function not implemented"),
    ("import os; os.execv('/bin/sh', ['sh'])", "OSError", "Exec format error"),
    ("import os; os.kill(1, 0)", "PermissionError", "Operation not permitted"),
    ("import os; os.kill(os.getppid(), 9)", "PermissionError", "Operation not permitted"),
    ("import os; os.posix_spawn('/bin/sh', ['sh'], {})", "AttributeError", "no attribute"),
    ("import subprocess; subprocess.run(['id'])", "OSError", "does not support processes"),
    (
        "import subprocess; subprocess.check_output('id', shell=True)",
        "OSError",
        "does not support processes",
    ),
    (
        "import asyncio; await asyncio.create_subprocess_exec('id')",
        "NotImplementedError",
        "absence of OS process APIs",
    ),
    (
        "import multiprocessing; multiprocessing.Process(target=print).start()",
        "ModuleNotFoundError",
        "_multiprocessing",
    ),
    (
        "import socket; socket.create_connection(('127.0.0.1', $tcp), timeout=2)",
        "OSError",
        "Host is unreachable",
    ),
    (
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', $udp))",
        "OSError",
        "Host is unreachable",
    ),
    ("import socket; socket.socket(socket.AF_UNIX)", "AttributeError", "AF_UNIX"),
    (
        "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen()",
        "OSError",
        "no network",
    ),
    (
        "import asyncio; await asyncio.open_connection('127.0.0.1', $tcp)",
        "NotImplementedError",
        "restricted raw socket access",
    ),
    (
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$tcp', timeout=2)",
        "URLError",
        "Host is unreachable",
    ),
    (
        "import http.client;"
        " http.client.HTTPConnection('127.0.0.1', $tcp, timeout=2).request('GET', '/')",
        "OSError",
        "Host is unreachable",
    ),
    ("import ctypes; ctypes.CDLL('/lib/libc.so.6')", "OSError", "could not load dynamic lib"),
    ("import micropip", "ModuleNotFoundError", "micropip"),
    (
        "import pyodide_js; await pyodide_js.loadPackage('micropip')",
        "JsException",
        "No known package with name 'micropip'",
    ),
    (
        "from pyodide.http import pyfetch; await pyfetch('http://127.0.0.1:$tcp')",
        "AbortError",
        'Requires net access to "127.0.0.1:$tcp"',
    ),
    (
        "from pyodide.http import open_url; open_url('http://127.0.0.1:$tcp')",
        "NameError",
        "XMLHttpRequest",
    ),
    (
        "import pyodide_js; pyodide_js.mountNodeFS('/mounted', '$folder')",
        "JsException",
        "hostPath '$folder' does not exist",
    ),
    (
        "import js, pyodide_js\nFS = pyodide_js.FS\nFS.mkdirTree('/mounted')\n"
        "FS.mount(FS.filesystems.NODEFS, js.JSON.parse('{\"root\": \"$folder\"}'), '/mounted')",
        "JsException",
        'NotCapable: Requires read access to "$folder"',
    ),
    (
        "import js, pyodide_js; await pyodide_js.mountNativeFS('/mounted', js.Object.new())",
        "JsException",
        "Expected argument 'fileSystemHandle'",
    ),
    (
        "import pyodide_js; pyodide_js.FS.writeFile('$folder/new', 'x')",
        "SystemError",
        "is not a BaseException subclass",
    ),
    ("import js; js.Deno.readTextFileSync('$folder/secret.txt')", "JsException", "NotCapable"),
]
