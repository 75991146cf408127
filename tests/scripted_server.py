"""An OpenAI-compatible chat server on loopback whose replies are a script.

In a test, over real HTTP:

    with ScriptedServer([Failure(429, retry_after_s=0), Reply("hello")]) as server:
        model = LiteLLMModel("openai/scripted", api_base=server.url, api_key="test")
        ...
    assert [r.status for r in server.requests] == [429, 200]

Each request takes the first step that is left and whose `when` occurs in the request's messages. A request that finds
none is answered 400, which no client retries, with a message that says so.

As a program, for tests in other languages; it prints one line of JSON with its address, then one for each request when
that has ended, and stops at the end of its standard input or at SIGTERM:

    python tests/scripted_server.py --script steps.json [--port 0]

The script is a list of steps, with the fields of the classes below and `"kind"` where it is not a reply:

    [{"kind": "failure", "status": 429, "retry_after_s": 0}, {"text": "hello", "delay_s": 0.01}, {"kind": "hang"}]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MAX_BODY_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class _Common:
    when: str = ""
    """Only for a request whose messages contain this."""
    times: int | None = 1
    """How many requests may take this step; None: any number."""


@dataclass(frozen=True)
class Reply(_Common):
    """A completion: streamed in chunks when the request asks for it."""

    text: str
    chunk_chars: int = 16
    delay_s: float = 0.0
    """Before each chunk."""
    usage: Literal["counted", "none"] | tuple[int, int] = "counted"
    """What is reported: see `count_tokens`, nothing, or these (input, output) tokens."""
    cached_tokens: int | None = None
    """How many of the input tokens are reported as taken from a cache."""
    tool_calls: tuple[tuple[str, str], ...] = ()
    """(Name, arguments as JSON) of functions to be called, after the text."""
    finish_reason: str = "stop"
    cut_after_chunks: int | None = None
    """Close the connection without an end after this many chunks."""
    hang_after_chunks: int | None = None
    """Say nothing more after this many chunks, and keep the connection open."""
    garbage_after_chunks: int | None = None
    """Send an event that is no JSON after this many chunks."""


@dataclass(frozen=True)
class Failure(_Common):
    """An HTTP error with OpenAI's error object."""

    status: int
    message: str = "scripted failure"
    code: str | None = None
    """As "context_length_exceeded"."""
    retry_after_s: float | None = None


@dataclass(frozen=True)
class Garbage(_Common):
    """Status 200 and a body that is nothing a client can expect."""

    body: str = "<html>Bad gateway</html>"
    content_type: str = "text/html"


@dataclass(frozen=True)
class Drop(_Common):
    """Close the connection without an answer."""


@dataclass(frozen=True)
class Hang(_Common):
    """Read the request and never answer."""


Step = Reply | Failure | Garbage | Drop | Hang
_KINDS: dict[str, type[Step]] = {"reply": Reply, "failure": Failure, "garbage": Garbage, "drop": Drop, "hang": Hang}


@dataclass
class Request:
    """What a client asked, and what became of it."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case; without the key."""
    api_key: str | None = field(default=None, repr=False)
    started_s: float = 0.0
    """Monotonic."""
    status: int | None = None
    """None when no answer was begun."""
    reported: tuple[int, int] | None = None
    """The (input, output) tokens that were sent to the client; None when no usage was."""
    chunks_sent: int = 0
    disconnected: bool = False
    """Whether the client closed the connection before the answer was complete."""
    ended: threading.Event = field(default_factory=threading.Event, repr=False)

    @property
    def messages(self) -> list[dict[str, Any]]:
        return self.body.get("messages", [])

    @property
    def prompt(self) -> str:
        """The contents of all messages, joined by blank lines."""
        return "\n\n".join(str(m.get("content", "")) for m in self.messages)


def count_tokens(text: str) -> int:
    """The server's own measure: a token for every four characters begun."""
    return -(-len(text) // 4)


class ScriptedServer:
    """Serves on a thread of its own between `__enter__` and `__exit__`. Thread-safe.

    `script`: steps, or a function from a request to its step.
    """

    def __init__(
        self, script: Iterable[Step] | Callable[[Request], Step], *, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self.requests: list[Request] = []
        """All chat requests so far, in order of arrival."""
        self.connections = 0
        """How many were opened so far."""
        self.listed = 0
        """How often its models were asked for."""
        self.url = ""
        """What a client calls the base: "http://127.0.0.1:PORT/v1"."""
        self._choose = script if callable(script) else _Script(script).take
        self._host, self._port = host, port
        self._ended: Callable[[Request], None] = lambda _: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted-server", daemon=True)
        self._ready = threading.Event()
        self._error: OSError | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        if self._error:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    @property
    def reported(self) -> tuple[int, int]:
        """The sum of the tokens reported to clients: input, output."""
        usages = [r.reported for r in list(self.requests) if r.reported]
        return sum(u[0] for u in usages), sum(u[1] for u in usages)

    def on_request_ended(self, callback: Callable[[Request], None]) -> None:
        self._ended = callback

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            listener = self._loop.run_until_complete(
                asyncio.start_server(self._connected, self._host, self._port, limit=MAX_BODY_BYTES, backlog=512)
            )
        except OSError as error:
            self._error = error
            self._ready.set()
            self._loop.close()
            return
        self.url = f"http://{self._host}:{listener.sockets[0].getsockname()[1]}/v1"
        self._ready.set()
        self._loop.run_forever()
        listener.close()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        early = bytearray()
        try:
            while await self._serve_one(reader, writer, early):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytearray) -> bool:
        """One request on a kept-alive connection. False: the connection is over. `early`: what has been read already of
        the next request."""
        method, path, headers, body = await _read_request(reader, early)
        if method == "GET" and path.endswith("/models"):
            self.listed += 1
            _send_json(writer, 200, {"object": "list", "data": [{"id": "scripted", "object": "model"}]})
            return True
        if method == "GET" and path == "/health":
            _send_json(writer, 200, {"status": "ok"})
            return True
        if method != "POST" or not path.endswith("/chat/completions"):
            _send_json(writer, 404, {"error": {"message": f"no {method} {path} here", "code": None}})
            return True
        request = _request(path, headers, body)
        self.requests.append(request)
        answer = asyncio.ensure_future(_answer(self._choose(request), request, writer))
        # A client that waits for an answer sends nothing: whatever comes now is the end of the connection, or the next
        # request of one that has read the end of the answer before we know that it is sent.
        gone = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait([answer, gone], return_when=asyncio.FIRST_COMPLETED)
            if not answer.done() and not gone.result():
                request.disconnected = True
                return False
            going_on = await answer
            if gone.done() and not gone.exception():
                early += gone.result()
            return going_on
        except OSError:
            request.disconnected = True
            return False
        finally:
            for task in (answer, gone):
                task.cancel()
            await asyncio.gather(answer, gone, return_exceptions=True)
            request.ended.set()
            self._ended(request)


class _Script:
    def __init__(self, steps: Iterable[Step]) -> None:
        self._steps = [(step, step.times) for step in steps]
        self._lock = threading.Lock()

    def take(self, request: Request) -> Step:
        with self._lock:
            for index, (step, left) in enumerate(self._steps):
                if left != 0 and step.when in request.prompt:
                    self._steps[index] = (step, None if left is None else left - 1)
                    return step
        return Failure(400, "the script has no step left for this request", code="script_exhausted")


async def _read_request(reader: asyncio.StreamReader, early: bytearray) -> tuple[str, str, dict[str, str], bytes]:
    head = (bytes(early) + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    early.clear()
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return method, path, headers, await reader.readexactly(int(headers.get("content-length", "0")))


def _request(path: str, headers: dict[str, str], body: bytes) -> Request:
    key = headers.pop("authorization", None)
    try:
        data: Any = json.loads(body)
    except ValueError:
        data = {}
    key = key.removeprefix("Bearer ") if key else None
    return Request(path, data if isinstance(data, dict) else {}, headers, key, time.monotonic())


async def _answer(step: Step, request: Request, writer: asyncio.StreamWriter) -> bool:
    """Carry out `step`. False: close the connection."""
    match step:
        case Hang():
            await asyncio.Event().wait()
        case Drop():
            return False
        case Failure():
            request.status = step.status
            error = {"message": step.message, "type": "scripted", "param": None, "code": step.code}
            extra = {} if step.retry_after_s is None else {"Retry-After": f"{step.retry_after_s:g}"}
            _send_json(writer, step.status, {"error": error}, extra)
        case Garbage():
            request.status = 200
            _send(writer, 200, step.body.encode(), {"Content-Type": step.content_type})
        case Reply() if request.body.get("stream"):
            request.status = 200
            return await _stream(step, request, writer)
        case Reply():
            await asyncio.sleep(step.delay_s)
            request.status = 200
            usage = _usage(step, request)
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": step.text, "tool_calls": _calls(step)},
                "finish_reason": step.finish_reason,
            }
            _send_json(writer, 200, _completion("chat.completion", [choice], usage))
            request.reported = (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None
    await writer.drain()
    return True


async def _stream(step: Reply, request: Request, writer: asyncio.StreamWriter) -> bool:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())
    pieces = [step.text[at : at + step.chunk_chars] for at in range(0, len(step.text), step.chunk_chars)]
    for number in range(len(pieces) + 1):
        if number == step.cut_after_chunks:
            await writer.drain()
            return False
        if number == step.hang_after_chunks:
            await writer.drain()
            await asyncio.Event().wait()
        if number == step.garbage_after_chunks:
            _send_event(writer, "{not json")
        if number == len(pieces):
            break
        if step.delay_s:
            await asyncio.sleep(step.delay_s)
        delta = {"content": pieces[number]} | ({"role": "assistant"} if number == 0 else {})
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        _send_event(writer, json.dumps(_completion("chat.completion.chunk", [choice], None)))
        await writer.drain()
        request.chunks_sent += 1
    for call in _calls(step):
        function = call["function"]
        head, tail = function["arguments"][:5], function["arguments"][5:]
        begun = {**call, "function": {**function, "arguments": head}}
        rest = {"index": call["index"], "function": {"arguments": tail}}
        for piece in (begun, rest):
            choice = {"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}
            _send_event(writer, json.dumps(_completion("chat.completion.chunk", [choice], None)))
    end = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if step.tool_calls else step.finish_reason}
    _send_event(writer, json.dumps(_completion("chat.completion.chunk", [end], None)))
    if request.body.get("stream_options", {}).get("include_usage") and (usage := _usage(step, request)):
        _send_event(writer, json.dumps(_completion("chat.completion.chunk", [], usage)))
        request.reported = (usage["prompt_tokens"], usage["completion_tokens"])
    _send_event(writer, "[DONE]")
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


def _calls(step: Reply) -> list[dict[str, Any]]:
    return [
        {"index": i, "id": f"call_{i}", "type": "function", "function": {"name": name, "arguments": arguments}}
        for i, (name, arguments) in enumerate(step.tool_calls)
    ]


def _usage(step: Reply, request: Request) -> dict[str, Any] | None:
    if step.usage == "none":
        return None
    counted = (sum(count_tokens(str(m.get("content", ""))) for m in request.messages), count_tokens(step.text))
    into, out = counted if step.usage == "counted" else step.usage
    usage: dict[str, Any] = {"prompt_tokens": into, "completion_tokens": out, "total_tokens": into + out}
    if step.cached_tokens is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": step.cached_tokens}
    return usage


def _completion(kind: str, choices: Sequence[object], usage: Mapping[str, Any] | None) -> dict[str, object]:
    base = {"id": "chatcmpl-scripted", "object": kind, "created": 0, "model": "scripted", "choices": choices}
    return base | ({"usage": usage} if usage else {})


def _send_event(writer: asyncio.StreamWriter, data: str) -> None:
    event = f"data: {data}\n\n".encode()
    writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")


def _send_json(writer: asyncio.StreamWriter, status: int, data: object, extra: Mapping[str, str] = {}) -> None:
    _send(writer, status, json.dumps(data).encode(), {"Content-Type": "application/json", **extra})


def _send(writer: asyncio.StreamWriter, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} Scripted", f"Content-Length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def steps_from_json(data: list[dict[str, Any]]) -> list[Step]:
    """Raises TypeError or KeyError for a field or kind that does not exist."""
    steps: list[Step] = []
    for item in data:
        fields = dict(item)
        if isinstance(fields.get("usage"), list):
            fields["usage"] = tuple(fields["usage"])
        if "tool_calls" in fields:
            fields["tool_calls"] = tuple((name, arguments) for name, arguments in fields["tool_calls"])
        steps.append(_KINDS[fields.pop("kind", "reply")](**fields))
    return steps


def _request_to_json(request: Request) -> str:
    shown = ("path", "api_key", "body", "status", "reported", "chunks_sent", "disconnected")
    return json.dumps({name: getattr(request, name) for name in shown})


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="An OpenAI-compatible chat server whose replies are a script.")
    parser.add_argument("--script", type=Path, required=True, help="a JSON file: a list of steps")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    options = parser.parse_args(arguments)
    steps = steps_from_json(json.loads(options.script.read_text(encoding="utf-8")))
    with ScriptedServer(steps, port=options.port) as server:
        server.on_request_ended(lambda request: print(_request_to_json(request), flush=True))
        print(json.dumps({"url": server.url}), flush=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with contextlib.suppress(KeyboardInterrupt):
            while sys.stdin.read(4096):
                pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
