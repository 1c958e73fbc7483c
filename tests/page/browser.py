"""A real browser, headless, driven over its own DevTools protocol by the WebSocket library that we have anyway."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import re
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from websockets.sync.client import connect

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 30.0

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowDown": 40}


@contextlib.contextmanager
def browser(program):
    """A `Browser`, with a profile that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="page-", ignore_cleanup_errors=True) as profile:
        popen = subprocess.Popen(
            [
                program,
                "--headless=new",
                "--no-sandbox",  # root has none; the pages are ours
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--host-resolver-rules=MAP evil.example 127.0.0.1",
                "--remote-debugging-port=0",
                f"--user-data-dir={profile}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            with connect(_address(popen), max_size=None, open_timeout=SECONDS) as socket:
                yield Browser(socket)
        finally:
            popen.terminate()
            try:
                popen.wait(10)
            except subprocess.TimeoutExpired:
                popen.kill()
                popen.wait(10)
            popen.stderr.close()


def _address(popen):
    for line in popen.stderr:
        if found := re.search(r"DevTools listening on (\S+)", line):
            return found[1]
    raise AssertionError("the browser did not start")


@dataclass
class Browser:
    """The connection: commands are answered in their order, events are kept."""

    socket: object
    events: list[dict] = field(default_factory=list)

    def __post_init__(self):
        self._numbers = itertools.count(1)

    def call(self, method, session=None, **params):
        """
        The result of a command.

        Raises:
            AssertionError: The browser refuses it.
        """
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        self.socket.send(json.dumps(command | ({"sessionId": session} if session else {})))
        deadline = time.monotonic() + SECONDS
        while True:
            told = json.loads(self.socket.recv(max(0.0, deadline - time.monotonic())))
            if told.get("id") == number:
                assert "error" not in told, (method, told["error"])
                return told["result"]
            self.events.append(told)

    def tab(self):
        """An empty page of a context of its own: no cookies of others."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        for domain in ("Page", "Runtime", "Log", "Network"):
            tab.call(f"{domain}.enable")
        return tab


@dataclass
class Tab:
    """One page, and what a person does with it."""

    browser: Browser
    session: str

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def look(self, *, width=1280, height=900, dark=False, reduced=False, phone=False):
        """On which screen, in which light."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced else "no-preference"},
        ]
        self.call("Emulation.setEmulatedMedia", features=features)

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, expression):
        """The value of an expression of JavaScript, awaited."""
        told = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def until(self, expression, seconds=SECONDS):
        """The first true value of an expression."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(AssertionError):
                if value := self.run(expression):
                    return value
            time.sleep(0.05)
        raise AssertionError(
            f"never: {expression}\n{self.run('document.body.innerText')}\n{self.complaints()}"
        )

    def press(self, key, *, shift=False):
        code = KEYS[key]
        text = {"Enter": "\r", " ": " "}.get(key)
        pressed = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", **pressed, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def write(self, text):
        self.call("Input.insertText", text=text)

    def focused(self):
        """What has the focus: its accessible name, or its id."""
        return self.run(
            "(document.activeElement.getAttribute('aria-label') || document.activeElement.innerText"
            " || document.activeElement.id || document.activeElement.tagName).trim()"
        )

    def tab_to(self, name, most=80):
        """Press Tab until this has the focus."""
        seen = []
        for _ in range(most):
            self.press("Tab")
            seen.append(self.focused())
            if seen[-1] == name:
                return
        raise AssertionError(f"{name!r} is not reached by the keyboard: {seen}")

    def picture(self, path: Path):
        """The whole page as PNG."""
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """What the browser has said against the page: errors, and breaches of its policy."""
        mine = [event for event in self.browser.events if event.get("sessionId") == self.session]
        told = [
            event["params"]["entry"]["text"]
            for event in mine
            if event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"
        ]
        return told + [
            json.dumps(event["params"]["exceptionDetails"])
            for event in mine
            if event["method"] == "Runtime.exceptionThrown"
        ]

    def requests(self):
        """Addresses that the page has asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.browser.events
            if event.get("sessionId") == self.session and event["method"] == "Network.requestWillBeSent"
        ]
