"""Model servers on this machine: found by one polite question each, over real HTTP."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from scripted_server import Reply, ScriptedServer

from codefactory.pipelines.models import Message, ModelError, discovery
from codefactory.pipelines.models.discovery import LocalServer, find_servers, known_servers, local_server_model
from codefactory.pipelines.settings import LocalSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SHUT = {"ollama_port": 0, "lm_studio_port": 0, "llama_cpp_port": 0, "vllm_port": 0}
OLLAMA = json.dumps(
    {"models": [{"name": "llama3.2:latest"}, {"name": "nomic-embed-text:latest"}, {"name": "qwen2.5-coder:7b"}]}
)
OPENAI = json.dumps({"object": "list", "data": [{"id": "Qwen/Qwen2.5-Coder-7B"}]})

Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_found", {})


@contextmanager
def serving(answer: Callable[[str], Answer]) -> Iterator[tuple[int, list[str]]]:
    """The port, and the requests so far as "GET /path"."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(f"{self.command} {self.path}")
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        server.server_close()


def plain(body: str, status: int = 200) -> Callable[[str], Answer]:
    return lambda _: (status, {"Content-Type": "application/json"}, body.encode())


async def test_ollama_and_a_server_of_openais_protocol() -> None:
    with serving(plain(OLLAMA)) as (ollama, asked), serving(plain(OPENAI)) as (vllm, asked_vllm):
        settings = LocalSettings(**SHUT | {"ollama_port": ollama, "vllm_port": vllm})
        found = await find_servers(settings)
        assert found == (
            LocalServer("ollama", ollama, ("llama3.2:latest", "nomic-embed-text:latest", "qwen2.5-coder:7b")),
            LocalServer("vllm", vllm, ("Qwen/Qwen2.5-Coder-7B",)),
        )
        assert found[0].names == ("local/ollama/qwen2.5-coder:7b", "local/ollama/llama3.2")
        assert found[1].names == ("local/vllm/Qwen/Qwen2.5-Coder-7B",)
        assert (asked, asked_vllm) == (["GET /api/tags"], ["GET /v1/models"])
        assert await find_servers(settings) == found
        assert known_servers(settings) == found
        assert len(asked) == 1  # remembered
        await find_servers(settings, fresh=True)
        assert len(asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        plain("<html>My web application</html>"),
        plain('{"data": "no list"}'),
        plain("[1, 2]"),
        plain(OPENAI, status=401),
        plain(OPENAI, status=500),
        lambda path: (302, {"Location": "/elsewhere"}, b"") if path == "/v1/models" else (200, {}, OPENAI.encode()),
        lambda _: (200, {"Content-Length": "5000000"}, b" " * 5_000_000),
    ],
)
async def test_what_is_no_model_server(answer: Callable[[str], Answer]) -> None:
    with serving(answer) as (port, asked):
        assert await find_servers(LocalSettings(**SHUT | {"llama_cpp_port": port})) == ()
        assert asked == ["GET /v1/models"]  # once, and no redirect followed


async def test_one_that_does_not_answer_is_not_waited_for() -> None:
    over = threading.Event()

    def hang(_: str) -> Answer:
        over.wait(20)
        return 200, {}, b""

    with serving(hang) as (slow, _), serving(plain(OPENAI)) as (quick, _):
        started = time.monotonic()
        settings = LocalSettings(**SHUT | {"ollama_port": slow, "vllm_port": quick})
        async with asyncio.timeout(10):
            found = await find_servers(settings)
        assert [server.kind for server in found] == ["vllm"]
        assert time.monotonic() - started < 10
        over.set()


async def test_turned_off_nobody_is_asked() -> None:
    with serving(plain(OPENAI)) as (port, asked):
        assert await find_servers(LocalSettings(**SHUT | {"vllm_port": port}, discover=False)) == ()
        assert await find_servers(LocalSettings(**SHUT)) == ()
        assert asked == []


async def test_a_proxy_is_not_asked_about_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(plain(OPENAI)) as (port, _), serving(plain("{}")) as (proxy, asked):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert len(await find_servers(LocalSettings(**SHUT | {"vllm_port": port}))) == 1
        assert asked == []


async def test_it_is_asked_by_its_name() -> None:
    with ScriptedServer([Reply("hello")]) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        model = local_server_model("local/vllm/Qwen/Coder", LocalSettings(**SHUT | {"vllm_port": port}), 20)
        pieces = [c.text async for c in model.complete((Message("user", "hi"),), max_output_tokens=10)]
        assert ("".join(pieces), model.name) == ("hello", "local/vllm/Qwen/Coder")
        assert server.requests[0].body["model"] == "Qwen/Coder"
        assert server.requests[0].api_key is None


@pytest.mark.parametrize("name", ["local", "local/ollama", "local/ollama/", "local/other/model", "local/vllm/x"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ModelError, match="local/KIND/MODEL"):
        local_server_model(name, LocalSettings(vllm_port=0), 20)
