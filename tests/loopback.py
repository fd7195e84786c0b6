"""A small server on this machine's loopback, with the faults that archives have; for tests of what is fetched."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class Page:
    """What an address answers.

    ``answers`` are (status, headers) given first, one a request; ``drops`` the bytes after which the connection is cut, one a request;
    ``length`` a Content-Length that lies; ``ranges`` whether parts are given; ``measured`` whether the length is said.
    """

    content: bytes = b""
    etag: str | None = '"1"'
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    drops: list[int] = field(default_factory=list)
    length: int | None = None
    ranges: bool = True
    measured: bool = True


@dataclass(slots=True)
class Loopback:
    """The server's address, its pages by path, and what was asked: (path, Range or None)."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    loopback: Loopback

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer as the page says."""
        given = self.headers.get("Range")
        self.loopback.asked.append((self.path, given))
        page = self.loopback.pages.get(self.path)
        if page is None:
            self.send_error(404)
            return
        if page.answers:
            status, headers = page.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            return
        start = 0
        if given and page.ranges and self.headers.get("If-Range") == page.etag:
            match = re.fullmatch(r"bytes=(\d+)-", given)
            assert match
            start = int(match[1])
        self._send(page, start)

    def _send(self, page: Page, start: int) -> None:
        size = len(page.content)
        if start and start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = page.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{page.length or size}")
        if page.etag:
            self.send_header("ETag", page.etag)
        if page.measured:
            self.send_header("Content-Length", str(len(body) if page.length is None else page.length - start))
        self.end_headers()
        if page.drops:
            body = body[: page.drops.pop(0)]
        self.wfile.write(body)


@contextmanager
def served() -> Iterator[Loopback]:
    """Start a server on a free port; it ends with the context."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    loopback = Loopback(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"loopback": loopback})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield loopback
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
