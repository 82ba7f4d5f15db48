"""A headless Chromium, spoken to through two pipes."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any  # what Chromium answers has no types

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SECONDS = 40.0
CHROMIUM = next((found for name in _NAMES if (found := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self.blocked: list[str] = []
        """Why what was asked for was not sent."""
        self._sent: dict[str, str] = {}
        self.errors: list[str] = []
        """What was thrown and not caught."""
        self._to, self._from = to_browser, from_browser
        self._buffer = b""
        self._next = 0
        self._session: str | None = None
        self._loaded = 0

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for, and not blocked."""
        # Others are the browser's own, on what it shows in place of a page that it refuses
        return [url for url in self._sent.values() if url.startswith(("http", "file"))]

    def attach(self) -> None:
        """Take the one tab that there is."""
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self.send(f"{domain}.enable")

    def open(self, path: Path, fragment: str = "") -> None:
        """Load a file, and wait until its scripts have run."""
        # Or else another fragment of the same file would load nothing
        self._navigate("about:blank")
        self._sent, self.errors, self.blocked = {}, [], []
        self._navigate(f"{path.as_uri()}{fragment}")

    def _navigate(self, url: str) -> None:
        before = self._loaded
        self.send("Page.navigate", url=url)
        while self._loaded == before:
            self._read()

    def run(self, expression: str) -> Any:
        """Give the value of an expression."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key."""
        text = key if len(key) == 1 else "\r" if key == "Enter" else ""
        self.send("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.send("Input.dispatchKeyEvent", type="keyUp", key=key)

    def send(self, method: str, **params: object) -> Any:
        """Send a command, and give its result."""
        self._next += 1
        number = self._next
        message: dict[str, object] = {"id": number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], deadline - time.monotonic())
            assert ready, "Chromium does not answer"
            piece = os.read(self._from, 2**20)
            assert piece, "Chromium has ended"
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Network.requestWillBeSent":
                self._sent[message["params"]["requestId"]] = message["params"]["request"]["url"]
            case "Network.loadingFailed" if reason := message["params"].get("blockedReason"):
                self._sent.pop(message["params"]["requestId"])
                self.blocked.append(reason)
            case "Runtime.exceptionThrown":
                self.errors.append(json.dumps(message["params"]["exceptionDetails"]))
        return message


@contextmanager
def open_browser(profile: Path) -> Iterator[Page]:
    """Run a browser for the length of the block; no name but those of files leads anywhere."""
    assert CHROMIUM is not None
    ours, theirs = os.pipe(), os.pipe()
    flags = (
        "--headless=new --no-sandbox --disable-gpu --no-first-run --remote-debugging-pipe"
        " --disable-background-networking --disable-component-update --disable-sync"
    )
    # It reads descriptor 3 and writes to 4
    command = (
        f"exec {CHROMIUM} {flags} --host-resolver-rules='MAP * ~NOTFOUND'"
        f' --user-data-dir="$1" 3<&{ours[0]} 4>&{theirs[1]}'
    )
    process = subprocess.Popen(
        ["bash", "-c", command, "bash", str(profile)],
        pass_fds=(ours[0], theirs[1]),
        stderr=subprocess.DEVNULL,
    )
    os.close(ours[0])
    os.close(theirs[1])
    try:
        page = Page(ours[1], theirs[0])
        page.attach()
        yield page
    finally:
        os.close(ours[1])
        os.close(theirs[0])
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
