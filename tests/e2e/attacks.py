"""The attacks from JavaScript: what hostile code tries, and what stops it.

`$folder`, `$tcp`, `$udp` and `$variable` are the canaries, `$assets` is the folder of the assets.
"""

from __future__ import annotations

# Of what an attack met: the class of the error, or what it gave where that is harmless
RETURNS = "returns"
Attack = tuple[str, str, str]
"""The code, the class of the error that it meets, and a part of the message."""


def _refused(right: str, *attacks: str, what: str = "") -> list[Attack]:
    """Give attacks that Deno refuses for the want of one right."""
    message = f"Requires {right} access{what}"
    return [(code, "NotCapable", message) for code in attacks]


FILES: list[Attack] = [
    *_refused(
        "read",
        "Deno.readTextFile('$folder/secret.txt')",
        "Deno.readFileSync('$folder/secret.txt')",
        "Deno.open('$folder/secret.txt')",
        "Deno.stat('$folder/secret.txt')",
        "Deno.realPath('$folder/secret.txt')",
        "Deno.copyFile('$folder/secret.txt', '$folder/copy')",
        "Deno.rename('$folder/secret.txt', '$folder/moved')",
        "Deno.link('$folder/secret.txt', '$folder/link')",
        "fetch('file://$folder/secret.txt').then((reply) => reply.text())",
        "import('node:fs').then((fs) => fs.readFileSync('$folder/secret.txt', 'utf8'))",
        "import('node:fs').then((fs) => fs.existsSync('$folder/secret.txt'))",
        "import('node:fs').then((fs) => fs.cpSync('$folder/secret.txt', '$folder/copy'))",
        "import('node:fs').then((fs) => fs.openAsBlob('$folder/secret.txt')).then((b) => b.text())",
        "import('node:fs').then((fs) => new Promise((resolve, reject) =>"
        " fs.createReadStream('$folder/secret.txt').on('error', reject).on('data', resolve)))",
        "import('node:fs/promises').then((fs) => fs.readFile('$folder/secret.txt', 'utf8'))",
        "process.getBuiltinModule('node:fs').readFileSync('$folder/secret.txt', 'utf8')",
        "import('node:module').then((m) => m.createRequire('file:///x.js')('$folder/secret.json'))",
        "import('node:module').then((m) => m.createRequire('file:///x.js')('fs')"
        ".readFileSync('$folder/secret.txt', 'utf8'))",
        "import('node:module').then((m) => m._load('$folder/secret.json'))",
        "import('node:module').then((m) => m._extensions['.json']({}, '$folder/secret.json'))",
        "import('node:sqlite').then((sql) => new sql.DatabaseSync('$folder/new.db'))",
        what=' to "$folder/',
    ),
    *_refused(
        "read",
        "Deno.readDir('$folder')[Symbol.asyncIterator]().next()",
        "Deno.watchFs('$folder')",
        "Deno.chdir('$folder')",
        what=' to "$folder"',
    ),
    *_refused("read", "Deno.readTextFile('/proc/self/environ')", what=' to "/proc/self/environ"'),
    *_refused(
        "read",
        "import('node:fs').then((fs) => fs.readFileSync('/proc/self/environ', 'utf8'))",
        "Deno.readTextFile('/proc/self/maps')",
        what=' to "/proc/self/',
    ),
    *_refused("read", "Deno.readTextFile('/etc/passwd')", what=' to "/etc/passwd"'),
    *_refused("read", "Deno.readTextFile('$assets/manifest.json')", what=' to "$assets/manifest'),
    *_refused(
        "write",
        "Deno.writeTextFile('$folder/new', 'x')",
        "Deno.writeTextFile('$folder/secret.txt', 'x', { append: true })",
        "Deno.open('$folder/secret.txt', { write: true })",
        "Deno.remove('$folder/secret.txt')",
        "Deno.mkdir('$folder/new')",
        "Deno.chmod('$folder/secret.txt', 0o777)",
        "Deno.truncate('$folder/secret.txt')",
        "Deno.utime('$folder/secret.txt', 0, 0)",
        "import('node:fs').then((fs) => fs.openSync('$folder/new', 'w'))",
        "import('node:fs').then((fs) => fs.mkdtempSync('$folder/new'))",
        "import('node:sqlite').then((sql) =>"
        " sql.backup(new sql.DatabaseSync(':memory:'), '$folder/new'))",
        what=' to "$folder/',
    ),
    *_refused("write", "Deno.makeTempFile({ dir: '$folder' })", what=' to "$folder"'),
    *_refused("write", "Deno.makeTempDir()", what=" to <TMP>"),
    *_refused(
        "write",
        "import('node:v8').then((v8) => v8.setHeapSnapshotNearHeapLimit(1))",
        what=' to "/"',
    ),
    ("Deno.symlink('$folder/secret.txt', '$folder/new')", "NotCapable", "requires unscoped"),
    (
        "import('node:sqlite').then((sql) =>"
        " new sql.DatabaseSync(':memory:').exec(\"ATTACH '$folder/new' AS x\"))",
        "Error",
        "too many attached databases - max 0",
    ),
    (
        "import('node:sqlite').then((sql) =>"
        " new sql.DatabaseSync(':memory:').exec(\"VACUUM INTO '$folder/new'\"))",
        "Error",
        "too many attached databases - max 0",
    ),
    (
        "import('node:wasi').then((w) =>"
        " new w.WASI({ version: 'preview1', preopens: { '/x': '$folder' } }))",
        "Error",
        'failed to open preopen "$folder"',
    ),
]

NETWORK: list[Attack] = [
    *_refused(
        "net",
        "fetch('http://127.0.0.1:$tcp/')",
        "fetch('http://x/', { client: Deno.createHttpClient("
        "{ proxy: { url: 'http://127.0.0.1:$tcp' } }) })",
        "Deno.connect({ port: $tcp })",
        "Deno.connectTls({ port: $tcp })",
        "new Promise((resolve, reject) => { const socket = new WebSocket('ws://127.0.0.1:$tcp');"
        " socket.onopen = resolve; socket.onerror = (event) => reject(event.error); })",
        "import('node:net').then((net) => new Promise((resolve, reject) =>"
        " net.connect($tcp, '127.0.0.1').on('error', reject).on('connect', resolve)))",
        "import('node:tls').then((tls) => new Promise((resolve, reject) =>"
        " tls.connect($tcp, '127.0.0.1').on('error', reject).on('connect', resolve)))",
        "import('node:http').then((http) => new Promise((resolve, reject) =>"
        " http.get('http://127.0.0.1:$tcp').on('error', reject).on('response', resolve)))",
        "import('node:http2').then((http) => new Promise((resolve, reject) =>"
        " http.connect('http://127.0.0.1:$tcp').on('error', reject).on('connect', resolve)))",
        what=' to "127.0.0.1:$tcp"',
    ),
    *_refused(
        "net",
        "Deno.listen({ port: 0 })",
        "Deno.serve({ port: 0 }, () => {})",
        what=' to "0.0.0.0:0"',
    ),
    *_refused(
        "net",
        "import('node:net').then((net) => new Promise((resolve, reject) =>"
        " net.createServer().on('error', reject).listen(0, resolve)))",
        what=' to "[::]:0"',
    ),
    *_refused(
        "read",
        "Deno.connect({ transport: 'unix', path: '$folder/socket' })",
        "Deno.serve({ path: '$folder/new' }, () => {})",
        "fetch('http://x/', { client: Deno.createHttpClient("
        "{ proxy: { transport: 'unix', path: '$folder/socket' } }) })",
        "import('node:net').then((net) => new Promise((resolve, reject) =>"
        " net.connect('$folder/socket').on('error', reject).on('connect', resolve)))",
        what=' to "$folder/',
    ),
    (
        "import('node:dns').then((dns) => new Promise((resolve, reject) =>"
        " dns.lookup('example.com', (error, found) => error ? reject(error) : resolve(found))))",
        "Error",
        "getaddrinfo EPERM",
    ),
    (
        "new Promise((resolve, reject) => { const source = new EventSource('http://127.0.0.1:$tcp');"
        " source.onopen = resolve; source.onerror = () => reject(new Error('no events')); })",
        "Error",
        "no events",
    ),
    # It would look for the host's name servers first
    ("Deno.resolveDns('example.com', 'A')", "Error", "Too many open files"),
    ("new WebTransport('https://127.0.0.1:$tcp').ready", "ReferenceError", "WebTransport is not"),
    ("new WebSocketStream('ws://127.0.0.1:$tcp')", "ReferenceError", "WebSocketStream is not"),
    ("new XMLHttpRequest()", "ReferenceError", "XMLHttpRequest is not"),
    ("Deno.listenDatagram({ port: 0 })", "TypeError", "is not a function"),
]

IMPORTS: list[Attack] = [
    *(
        (f"import({text})", "TypeError", 'Requires import access to "127.0.0.1:$tcp"')
        for text in (
            "'http://127.0.0.1:$tcp/x.js'",
            "'https://127.0.0.1:$tcp/x.js'",
            "'data:text/javascript,import \"https://127.0.0.1:$tcp/x.js\"'",
            "URL.createObjectURL(new Blob(['import \"http://127.0.0.1:$tcp/x.js\"'],"
            " { type: 'text/javascript' }))",
        )
    ),
    *(
        (f"import({text})", "TypeError", "but --no-npm is specified")
        for text in (
            "'npm:is-number@7.0.0'",
            "'data:text/javascript,import \"npm:is-number@7.0.0\"'",
        )
    ),
    ("import('jsr:@std/path')", "TypeError", 'Requires import access to "jsr.io:443"'),
    *(
        (
            f"import({text}).then((module) => module.default)",
            "TypeError",
            'Requires read access to "$folder/secret.',
        )
        for text in (
            "'file://$folder/secret.mjs'",
            "'file://$folder/secret.json', { with: { type: 'json' } }",
            "'file://$folder/secret.txt', { with: { type: 'text' } }",
            "'data:text/javascript,export { default } from \"file://$folder/secret.mjs\"'",
            "URL.createObjectURL(new Blob(['export { default } from \"file://$folder/secret.mjs\"'],"
            " { type: 'text/javascript' }))",
        )
    ),
    ("import('file://$assets/snapshot.js')", "TypeError", "Requires read access to"),
    ("import('node:sea')", "TypeError", 'Unsupported scheme "node"'),
]

SYSTEM: list[Attack] = [
    *_refused("env", "Deno.env.get('$variable')", what=' to "$variable"'),
    *_refused("env", "import('node:process').then((p) => p.env.$variable)", what=' to "$variable"'),
    *_refused("env", "Deno.env.set('X', 'y')", what=' to "X"'),
    *_refused(
        "env",
        "Deno.env.toObject()",
        "import('node:process').then((process) => Object.keys(process.env))",
        "import('node:process').then((process) => process.loadEnvFile('$folder/secret.txt'))",
        "import('node:child_process').then((child) => child.execSync('/bin/id'))",
        "import('node:child_process').then((child) => child.spawn('/bin/id'))",
        "import('node:child_process').then((child) => child.fork('data:text/javascript,1'))",
        "import('node:cluster').then((cluster) => cluster.fork())",
    ),
    *_refused(
        "run",
        "new Deno.Command('/bin/sh').output()",
        "new Deno.Command('/bin/sh').spawn()",
        "Deno.run({ cmd: ['/bin/sh'] })",
        what=' to "/bin/sh"',
    ),
    *_refused(
        "run",
        "Deno.kill(Deno.ppid, 'SIGCONT')",
        "import('node:process').then((process) => process.kill(process.ppid, 0))",
        "import('node:process').then((process) => process.kill(-1, 0))",
        "import('node:process').then((process) => process.kill(-process.pid, 0))",
    ),
    *_refused("ffi", "Deno.dlopen('libc.so.6', {})", what=' to "libc.so.6"'),
    *_refused(
        "ffi",
        "import('node:process').then((p) => p.dlopen({ exports: {} }, '$folder/x.node'))",
        what=' to "$folder/x.node"',
    ),
    *_refused(
        "ffi",
        "Deno.UnsafePointer.of(new Uint8Array(1))",
        "new Deno.UnsafePointerView(Deno.UnsafePointer.create(4096n)).getUint8()",
        "import('node:sqlite').then((sql) =>"
        " new sql.DatabaseSync(':memory:', { allowExtension: true }))",
    ),
    *(
        attack
        for name in "hostname osRelease osUptime loadavg networkInterfaces uid gid".split()
        for attack in _refused("sys", f"Deno.{name}()", what=f' to "{name}"')
    ),
    *_refused("sys", "Deno.systemMemoryInfo()", what=' to "systemMemoryInfo"'),
    *_refused("sys", "import('node:os').then((os) => os.hostname())", what=' to "hostname"'),
    *_refused("sys", "import('node:os').then((os) => os.userInfo())", what=' to "uid"'),
    *_refused("sys", "import('node:process').then((p) => p.setuid(1))", what=' to "setuid"'),
    *_refused("sys", "Deno.umask(0)", what=' to "umask"'),
    *_refused("sys", "import('node:inspector').then((i) => i.open(0))", what=' to "inspector"'),
    *_refused(
        "sys",
        "import('node:inspector').then((inspector) => new inspector.Session().connect())",
        what=' to "inspector"',
    ),
    # V8's flags could undo the walls of its own; Deno takes none that matters
    (
        "import('node:v8').then((v8) => { v8.setFlagsFromString('--allow-natives-syntax');"
        " return eval('%GetOptimizationStatus(() => 1)'); })",
        "SyntaxError",
        "Unexpected token '%'",
    ),
    (
        "import('node:v8').then((v8) => { v8.setFlagsFromString('--wasm-max-mem-pages=65536');"
        " return new WebAssembly.Memory({ initial: 8193 }); })",
        "RangeError",
        "could not allocate memory",
    ),
    (
        "import('node:module').then((module) => module.enableCompileCache('$folder/new'))",
        "TypeError",
        "is not a function",
    ),
    ("Deno.openKv()", "TypeError", "is not a function"),
    ("Deno.cron('x', '* * * * *', () => 1)", "TypeError", "is not a function"),
    ("new Deno.UnsafeWindowSurface({})", "TypeError", "is not a constructor"),
    ("navigator.gpu.requestAdapter()", RETURNS, "null"),
    ("navigator.serviceWorker", RETURNS, "undefined"),
    ("caches.open('x')", "Error", "Failed to create cache storage directory /dev/null/"),
    ("localStorage.setItem('a', 'b')", "ReferenceError", "localStorage is not defined"),
    ("sessionStorage.setItem('a', 'b')", "ReferenceError", "sessionStorage is not defined"),
    ("indexedDB.open('x')", "ReferenceError", "indexedDB is not defined"),
    ("JSON.stringify(process.binding?.('fs') ?? {})", RETURNS, "{}"),
    (
        "Deno[Deno.internal].core.ops.op_desktop_apply_patch(new Uint8Array(9))",
        "Error",
        "not initialized",
    ),
    ("new Worker('data:text/javascript,1')", "NotSupportedError", "Classic workers are not"),
    *(
        (f"Deno.permissions.request({{ {right} }}).then((right) => right.state)", RETURNS, "denied")
        for right in (
            *(f"name: '{name}'" for name in "read write net env run ffi sys import".split()),
            "name: 'read', path: '$folder/secret.txt'",
            "name: 'read', path: '$assets'",
        )
    ),
    *(
        (f"Deno.permissions.query({{ name: '{name}' }}).then((r) => r.state)", RETURNS, "denied")
        for name in "write net env run ffi sys import".split()
    ),
    # Revoked, and nobody can be asked for it
    *(
        (f"Deno.permissions.query({{ {right} }}).then((right) => right.state)", RETURNS, "prompt")
        for right in ("name: 'read'", "name: 'read', path: '$assets'")
    ),
]

JAVASCRIPT: list[Attack] = [*FILES, *NETWORK, *IMPORTS, *SYSTEM]
