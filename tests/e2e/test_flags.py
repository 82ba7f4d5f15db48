"""The state that each flag and variable of a sandbox gives, before anything is revoked.

Where several walls stand in the same place, no behaviour tells one of them apart: then it is looked
for in the command itself, and the test says so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from rlm_runtime._process import open_process
from rlm_runtime._sandbox.assets import Assets
from rlm_runtime._sandbox.command import ENVIRONMENT, command

pytestmark = [pytest.mark.anyio, pytest.mark.deno]

# What a script finds that is run with these flags and this environment
PROBE = """
const query = (right) => Deno.permissions.querySync(right).state;
const outcome = async (act) => {
  try { return String(await act()); } catch (error) { return `${error.name}: ${error.message}`; }
};
const names = ["read", "write", "net", "env", "run", "ffi", "sys", "import"];
const [assets, elsewhere] = Deno.args;
console.log(JSON.stringify({
  states: Object.fromEntries(names.map((name) => [name, query({ name })])),
  assets: query({ name: "read", path: assets }),
  elsewhere: query({ name: "read", path: elsewhere }),
  npm: await outcome(() => import("npm:is-number@7.0.0")),
  bare: await outcome(() => import("in-the-config")),
  cache: await outcome(() => caches.open("x").then(() => caches.delete("x"))),
  gpu: await outcome(() => navigator.gpu.requestAdapter()),
  most: await outcome(() => new WebAssembly.Memory({ initial: 1024 }).buffer.byteLength),
  more: await outcome(() => new WebAssembly.Memory({ initial: 1025 }).buffer.byteLength),
  color: Deno.noColor,
}));
"""
STATES = ("net", "env", "run", "ffi", "sys", "write", "import")
UNSEEN: dict[str, str] = {
    "--quiet": "what Deno says on stderr is for people",
    "--no-prompt": "stdin is a pipe, so nobody could be asked",
    "--no-lock": "without a configuration no lock file is looked for",
    "--no-remote": "--deny-import refuses first",
    "--cached-only": "--deny-import and --no-npm refuse first",
}


@pytest.fixture(scope="module")
async def found(assets: Assets, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Run the probe in the place of the sandbox's script, in a folder with a configuration."""
    folder = tmp_path_factory.mktemp("cwd")
    (folder / "deno.json").write_text('{"imports": {"in-the-config": "data:text/javascript,1"}}')
    probe = folder / "probe.mjs"
    probe.write_text(PROBE)
    words = command(assets, 64)
    script = words.index(str(assets.folder / "main.js"))
    words[script:] = [str(probe), str(assets.folder), "/etc"]
    received = b""
    with anyio.fail_after(50):
        async with open_process(words, env=ENVIRONMENT, cwd=str(folder)) as process:
            try:
                while True:
                    received += await process.stdout.receive()
            except anyio.EndOfStream:
                pass
            await process.wait()
            assert received, process.stderr_tail()
    told: dict[str, Any] = json.loads(received)
    return told


@pytest.mark.parametrize("right", STATES)
async def test_a_right_is_denied(found: Mapping[str, Any], right: str) -> None:
    assert found["states"][right] == "denied"


async def test_reading_is_allowed_in_the_assets_only(found: Mapping[str, Any]) -> None:
    assert found["assets"] == "granted"
    assert found["elsewhere"] == found["states"]["read"] == "prompt"


async def test_no_package_comes_from_npm(found: Mapping[str, Any]) -> None:
    assert found["npm"] == "TypeError: npm specifiers were requested; but --no-npm is specified"


async def test_no_configuration_is_read(found: Mapping[str, Any]) -> None:
    assert found["bare"].startswith('TypeError: Import "in-the-config" not a dependency')


async def test_the_memory_of_webassembly_is_capped(found: Mapping[str, Any]) -> None:
    assert found["most"] == str(64 << 20)
    assert found["more"].startswith("RangeError: WebAssembly.Memory()")


async def test_nothing_is_cached(found: Mapping[str, Any]) -> None:
    assert found["cache"].startswith("Error: Failed to create cache storage directory /dev/null/")


async def test_there_is_no_gpu_and_no_colour(found: Mapping[str, Any]) -> None:
    assert (found["gpu"], found["color"]) == ("null", True)


@pytest.mark.parametrize("flag", UNSEEN)
def test_a_flag_that_others_hide_is_in_the_command(assets: Assets, flag: str) -> None:
    words = command(assets, 64)
    assert words.index(flag) < words.index(str(assets.folder / "main.js"))


def test_variables_whose_effect_cannot_be_seen_everywhere_are_set() -> None:
    # There is no network to ask for updates
    assert ENVIRONMENT["DENO_NO_UPDATE_CHECK"] == "1"
    # Most machines that run tests are in UTC themselves
    assert ENVIRONMENT["TZ"] == "UTC"


# The threads share one set of rights, so each is run with parts beside it that revoke nothing, and
# tells by its first frame, or when it would start the Python side, what may still be read
TELL = "Deno.permissions.querySync({ name: 'read', path: Deno.args[0] }).state"
BESIDE_MAIN = {
    "compile.js": "export const compilePyodide = () => Promise.resolve(null);",
    "worker.js": "self.onmessage = () => self.postMessage({ json: '{}' });",
    "frames.js": f"""
export class FrameReader {{
  read() {{ return new Promise((resolve) => setTimeout(() => resolve(null), 5000)); }}
}}
export function writeFrame() {{
  Deno.stdout.writeSync(new TextEncoder().encode({TELL}));
  Deno.exit(0);
}}
""",
}
BESIDE_WORKER = {
    "main.js": """
const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
worker.onmessage = ({ data }) => {
  Deno.stdout.writeSync(new TextEncoder().encode(data.json));
  Deno.exit(0);
};
const shared = new SharedArrayBuffer(16);
const start = { assets: Deno.args[0], module: null, snapshot: null, packages: null };
worker.postMessage({ ...start, tzdata: new ArrayBuffer(0), replies: shared, signals: shared });
""",
    "bootstrap.js": "export const installBootstrap = () => {}, readBootstrap = () => ({});",
    "pyodide.js": f"""
const start = (send) => {{ send({TELL}); return []; }};
export const startPyodide = () => ({{
  FS: {{ writeFile() {{}} }},
  pyimport: () => ({{ start }}),
  setInterruptBuffer() {{}},
  _module: {{}},
  _api: {{}},
}});
""",
}


@pytest.mark.parametrize(
    "parts",
    [BESIDE_MAIN, BESIDE_WORKER],
    ids=["the main thread", "the worker"],
)
async def test_each_thread_revokes_the_right_to_read_before_untrusted_code(
    assets: Assets, tmp_path: Path, parts: Mapping[str, str]
) -> None:
    for script in assets.folder.glob("*.js"):
        (tmp_path / script.name).write_text(script.read_text())
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "tzdata.zip").touch()
    copied = Assets(deno=assets.deno, folder=tmp_path, snapshot=None)
    with anyio.fail_after(50):
        async with open_process(command(copied, 64), env=ENVIRONMENT) as process:
            assert await process.stdout.receive() == b"prompt", process.stderr_tail()
