"""Headless Chromium, driven through two pipes by its DevTools protocol: to open a page that was written, and ask it.

Source: https://chromedevtools.github.io/devtools-protocol/; with `--remote-debugging-pipe` messages are JSON, each
ended by a zero byte; Chromium reads them from file 3 and writes its own to file 4.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eyebright.system.errors import ModelError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS = ("--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--disable-extensions")
_START = """import os, sys
read, write, program, *options = sys.argv[1:]
os.dup2(int(read), 3)
os.dup2(int(write), 4)
os.execv(program, [program, *options])"""
"""Gives Chromium its pipes as the files that it expects. The numbers are 10 or more, so that none is overwritten."""
_END_S, _LEAST_FILE = 2, 10


def find_browser() -> Path | None:
    """Chromium or Chrome on this machine; None if there is none, or this system has no such pipes."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found and os.name == "posix" else None


class BrowserError(Exception):
    """Chromium does not start, ends, or gives no answer."""


class Tab:
    """A page that is open in Chromium.

    Args:
        to: The file that Chromium reads.
        back: The file that it writes.
        limit_s: The longest time to wait for an answer.
    """

    def __init__(self, to: int, back: int, limit_s: float) -> None:
        self._to, self._back, self._limit_s = to, back, limit_s
        self._number, self._session, self._rest = 0, "", b""

    def open(self, address: str) -> None:
        """Open an address, and wait until it is loaded."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._call("Page.enable")
        self._call("Page.navigate", url=address)
        self._next(lambda message: message.get("method") == "Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may be a promise.

        Raises:
            ModelError: When it fails.
        """
        found = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            described = found["exceptionDetails"].get("exception", {}).get("description", "an error")
            raise ModelError(f"the page fails in Chromium: {described}")
        return found["result"].get("value")

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        content = memoryview(json.dumps(message).encode() + b"\0")
        while content:
            content = content[os.write(self._to, content) :]
        answer = self._next(lambda message: message.get("id") == self._number)
        if "error" in answer:
            raise BrowserError(f"Chromium refuses {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def _next(self, is_meant: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The next message that is meant; others, which are events, are passed over."""
        end = time.monotonic() + self._limit_s
        while True:
            while b"\0" not in self._rest:
                ready, _, _ = select.select([self._back], [], [], max(end - time.monotonic(), 0))
                if not ready:
                    raise BrowserError(f"Chromium gives no answer in {self._limit_s:.0f} s")
                content = os.read(self._back, 1 << 16)
                if not content:
                    raise BrowserError("Chromium has ended")
                self._rest += content
            line, _, self._rest = self._rest.partition(b"\0")
            message: dict[str, Any] = json.loads(line)
            if is_meant(message):
                return message


@contextmanager
def opened_tab(browser: Path, address: str, *, limit_s: float = 60.0) -> Iterator[Tab]:
    """A page in a Chromium of its own, which ends with the block.

    Args:
        browser: The program.
        address: What to open, such as a `file:` address.
        limit_s: The longest time to wait for an answer of the page.

    Raises:
        BrowserError: When Chromium does not start, ends, or gives no answer.
    """
    pipes = [_high_pipe() for _ in range(2)]
    (read, to), (back, write) = pipes
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = [*_OPTIONS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        process = subprocess.Popen(  # noqa: S603 - a program of this machine, and a page that was just written
            [sys.executable, "-c", _START, str(read), str(write), str(browser), *options, "about:blank"],
            pass_fds=(read, write), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read)
        os.close(write)
        try:
            tab = Tab(to, back, limit_s)
            tab.open(address)
            yield tab
        except OSError as problem:
            raise BrowserError(f"Chromium has ended: {problem}") from problem
        finally:
            os.close(to)  # Chromium ends when its pipe does
            os.close(back)
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _high_pipe() -> tuple[int, int]:
    """A pipe whose files have numbers that Chromium does not expect."""
    import fcntl

    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _LEAST_FILE) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
