"""HTTP/1.1 messages as one that stands in between sees them."""

from __future__ import annotations

import base64
import http
from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Message:
    """A request or an answer: as it came, but for the body's length."""

    start_line: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    @property
    def status(self):
        """Of an answer."""
        return int(self.start_line.split(" ")[1])

    def header(self, name, default=""):
        """The first value of this name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), default)

    def without(self, *names):
        """The same, these headers left out."""
        kept = tuple((key, value) for key, value in self.headers if key.lower() not in names)
        return replace(self, headers=kept)

    def having(self, **headers):
        """The same with these headers, and without what they had been; `_` stands for `-`."""
        new = {key.replace("_", "-"): value for key, value in headers.items()}
        return replace(self, headers=(*self.without(*new).headers, *new.items()))

    def begun(self, start_line):
        """The same with this first line."""
        return replace(self, start_line=start_line)

    def encoded(self):
        """What goes over the wire."""
        lines = [self.start_line, *(f"{key}: {value}" for key, value in self.headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


@dataclass(frozen=True)
class Answer:
    """What is said instead of what the backend says."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def message(self):
        """With its length, but where HTTP allows none; the connection stays."""
        try:
            reason = http.HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Whatever"
        has_body = self.status >= 200 and self.status not in {204, 304}
        length = (("content-length", str(len(self.body))),) if has_body else ()
        headers = (*self.headers.items(), *length)
        return Message(f"HTTP/1.1 {self.status} {reason}", headers, self.body if has_body else b"")


def html(status, title, **headers):
    """A page as gateways have them; `_` in a header's name stands for `-`."""
    body = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\r\n".encode()
    named = {key.replace("_", "-"): str(value) for key, value in headers.items()}
    return Answer(status, body, {"content-type": "text/html", **named})


LOGIN_PAGE = html(200, "Sign in")
"""What a captive portal or a single sign-on shows instead of everything."""


def redirect(location, status=302):
    """To somewhere else."""
    return html(status, "Moved", location=location)


def basic(user, password):
    """The value of a header that carries these credentials."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def read_request(reader):
    """
    The next request on a connection; None after the last.

    Raises:
        EOFError: It is torn.
    """
    head = await _read_head(reader)
    if head is None:
        return None
    return replace(head, body=await reader.readexactly(int(head.header("content-length", "0"))))


async def read_answer(reader):
    """
    The answer, on a connection that ends with it.

    Raises:
        EOFError: It is torn.
    """
    head = await _read_head(reader)
    if head is None:
        raise EOFError
    if head.status == 101:
        return head
    length = head.header("content-length")
    body = await reader.readexactly(int(length)) if length else await reader.read()
    return replace(head, body=body)


async def _read_head(reader):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except EOFError as exc:
        if exc.partial:
            raise
        return None
    start_line, *lines = head[:-4].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Message(start_line, tuple((key, value.strip()) for key, _, value in pairs))
