"""What an attack must never touch: files, a variable of the host's environment, and listeners."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

VARIABLE = "RLM_TEST_CANARY"
_FILES = {
    "secret.txt": "$secret",
    "secret.json": '"$secret"',
    "secret.mjs": 'export default "$secret"; globalThis.postMessage?.("$secret");',
}
# Older than the time of the last change, so that the first reading changes it
_READ_AT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """A folder of secrets, and listeners that nobody may reach."""

    folder: Path
    secret: str
    tcp: socket.socket
    udp: socket.socket
    unix: socket.socket
    contents: dict[str, bytes]

    def aim(self, text: str, **more: object) -> str:
        """Write the places of the canaries into the text of an attack."""
        return Template(text).substitute(
            folder=self.folder,
            tcp=self.tcp.getsockname()[1],
            udp=self.udp.getsockname()[1],
            variable=VARIABLE,
            **more,
        )

    def assert_untouched(self, *outputs: str | None) -> None:
        """See that an attack that said all this has read, written and reached nothing."""
        assert self.secret not in "".join(text or "" for text in outputs), "it knows the secret"
        assert {path.name for path in self.folder.iterdir()} == {*self.contents, "socket"}
        for name, content in self.contents.items():
            path = self.folder / name
            read_at = path.stat().st_atime_ns
            content_now = path.read_bytes()
            self._forget_reading(path)
            assert read_at == _READ_AT, f"{name} was read"
            assert content_now == content, f"{name} was written to"
        for listener in (self.tcp, self.unix):
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                continue
            raise AssertionError("it has connected")
        try:
            heard = self.udp.recv(100)
        except BlockingIOError:
            return
        raise AssertionError(f"it has sent {heard!r}")

    def _forget_reading(self, path: Path) -> None:
        os.utime(path, ns=(_READ_AT, path.stat().st_mtime_ns))


@contextmanager
def open_canaries(folder: Path) -> Iterator[Canaries]:
    """Set out canaries in an empty folder; the caller puts the secret into the environment."""
    secret = f"SECRET-{secrets.token_hex(16)}"
    contents = {name: Template(text).substitute(secret=secret) for name, text in _FILES.items()}
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        unix = stack.enter_context(socket.socket(socket.AF_UNIX))
        udp.bind(("127.0.0.1", 0))
        unix.bind(str(folder / "socket"))
        unix.listen()
        for one in (tcp, udp, unix):
            one.setblocking(False)
        canaries = Canaries(
            folder=folder,
            secret=secret,
            tcp=tcp,
            udp=udp,
            unix=unix,
            contents={name: text.encode() for name, text in contents.items()},
        )
        for name, text in contents.items():
            (folder / name).write_text(text)
            canaries._forget_reading(folder / name)
        yield canaries
