"""A vendor that answers what a test tells it to, piece by piece and, where the test wants it, no sooner than told."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_HELD_MAX_S = 30.0


class Vendor(ThreadingHTTPServer):
    """An OpenAI-compatible API on a port of its own. `received` are the requests, `pieces` what it answers to the next
    ones; a piece that is None waits until `go` is set. Whoever leaves in the middle is counted in `left`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[dict[str, Any]] = []
        self.pieces: Sequence[str | None] = ("Hello.",)
        self.reasoning: Sequence[str] = ()
        self.go = threading.Event()
        self.left = threading.Event()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def last_said(self) -> str:
        """The text of the last question that came."""
        content = self.received[-1]["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


class _Handler(BaseHTTPRequestHandler):
    server: Vendor

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append(body)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            for text in self.server.reasoning:
                self._send({"reasoning_content": text})
            for piece in self.server.pieces:
                if piece is None:
                    self.server.go.wait(_HELD_MAX_S)
                else:
                    self._send({"content": piece})
            self._send({}, finish="stop")
            self._send(None)
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.left.set()

    def _send(self, delta: dict[str, str] | None, finish: str | None = None) -> None:
        chunk: dict[str, Any] = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o"}
        if delta is None:
            chunk |= {"choices": [], "usage": {"prompt_tokens": 1200, "completion_tokens": 400, "total_tokens": 1600}}
        else:
            chunk["choices"] = [{"index": 0, "delta": delta, "finish_reason": finish}]
        self.wfile.write(b"data: %s\n\n" % json.dumps(chunk).encode())
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@contextmanager
def scripted_vendor() -> Iterator[Vendor]:
    """A vendor for as long as the test runs."""
    vendor = Vendor()
    thread = threading.Thread(target=vendor.serve_forever, daemon=True)
    thread.start()
    try:
        yield vendor
    finally:
        vendor.go.set()
        vendor.shutdown()
        vendor.server_close()
        thread.join()
