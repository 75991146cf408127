"""Cassettes: real conversations recorded to a file, and replayed from it as the model `recorded/FILE`.

A cassette is JSON lines, one for each request with its reply. Requests are known by their content, without secrets:
what has the shape of a key, what `mask` takes for a secret and the environment's keys are replaced before anything is
written or compared. Nothing of HTTP is kept, so no header. A reply that failed or broke off is not recorded.
"""

from __future__ import annotations

import asyncio
import base64
import difflib
import hashlib
import json
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Unpack, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from .model import Chunk, Finish, ModelError, Price, ToolCall, Usage
from .openai_wire import message_to_json, tool_to_json
from .provider_error import environment_secrets, masked

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from .model import Message, Model, Options

PREFIX = "recorded"
VERSION = 1
DIFF_LINES = 30
COMPARED = 200
"""Recorded requests that are looked at for the one nearest to a request that is not there."""
_SEPARATOR = "\n\0\n"


class _Call(BaseModel):
    id: str
    name: str
    arguments: str


class _Usage(BaseModel):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None


class Recording(BaseModel):
    """One line of a cassette."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = VERSION
    recorded: str
    """When: ISO 8601."""
    model: str
    request: dict[str, Any]
    """Without secrets."""
    max_output_tokens: int
    """Not compared: it depends on what was left of a budget."""
    pieces: list[str]
    tool_calls: list[_Call] = []
    usage: _Usage = _Usage()
    finish: Finish | None = None

    @property
    def key(self) -> str:
        return key_of(self.request)


class RecordingModel:
    """Asks `inner`, and appends each whole reply to `file`."""

    def __init__(self, inner: Model, file: Path) -> None:
        self._inner = inner
        self._file = file

    @property
    def name(self) -> str:
        return self._inner.name

    async def price(self) -> Price | None:
        return await self._inner.price()

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        pieces: list[str] = []
        last = Chunk("")
        stream = self._inner.complete(messages, max_output_tokens=max_output_tokens, **options)
        try:
            async for chunk in stream:
                if chunk.text:
                    pieces.append(chunk.text)
                last = Chunk(
                    "", chunk.usage or last.usage, chunk.finish or last.finish, chunk.tool_calls or last.tool_calls
                )
                yield chunk
        finally:
            await stream.aclose()
        await asyncio.to_thread(self._append, request_of(messages, options), max_output_tokens, pieces, last)

    def _append(self, request: dict[str, Any], max_output_tokens: int, pieces: list[str], last: Chunk) -> None:
        usage = last.usage or Usage()
        # Masked as one text: a secret may be cut in two by the stream. Then the pieces are no longer the provider's.
        text = "".join(pieces)
        clean = _scrubbed(text)
        recording = Recording(
            recorded=datetime.now(UTC).isoformat(timespec="seconds"),
            model=self._inner.name,
            request=cast("dict[str, Any]", _scrubbed(request)),
            max_output_tokens=max_output_tokens,
            pieces=pieces if clean == text else [clean],
            tool_calls=[_Call(id=c.id, name=c.name, arguments=_scrubbed(c.arguments)) for c in last.tool_calls],
            usage=_Usage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cached_input_tokens=usage.cached_input_tokens,
            ),
            finish=last.finish,
        )
        line = recording.model_dump_json().encode() + b"\n"
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line)
            finally:
                os.close(descriptor)
        except OSError as error:
            message = f"{self._file} cannot be written: {error.strerror}. See codefactory.model.record."
            raise ModelError("fatal", message, unreported=0) from None


@dataclass(slots=True)
class _Takes:
    """The replies to one request, in the order in which they were recorded."""

    recordings: list[Recording]
    taken: int = 0


class RecordedModel:
    """See the `Model` protocol. A request that was made several times gets its replies in their order, then the last
    one again. One that was not recorded is refused, with what differs from the nearest one."""

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._file = file
        self._takes: dict[str, _Takes] | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        return Price(0.0, 0.0)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        del max_output_tokens
        recording = await asyncio.to_thread(self._find, request_of(messages, options))
        for piece in recording.pieces:
            yield Chunk(piece)
        used = recording.usage
        usage = Usage(used.input_tokens, used.output_tokens, 0.0, used.cached_input_tokens)
        calls = tuple(ToolCall(c.id, c.name, c.arguments) for c in recording.tool_calls)
        yield Chunk("", usage, recording.finish, calls)

    def _find(self, request: dict[str, Any]) -> Recording:
        request = cast("dict[str, Any]", _scrubbed(request))
        with self._lock:
            if self._takes is None:
                self._takes = self._read()
            takes = self._takes.get(key_of(request))
            if takes is not None:
                takes.taken += 1
                return takes.recordings[min(takes.taken, len(takes.recordings)) - 1]
            known = [t.recordings[0].request for t in self._takes.values()][-COMPARED:]
        raise ModelError("fatal", f"{self._name}: this request is not in {self._file}. {_difference(request, known)}")

    def _read(self) -> dict[str, _Takes]:
        takes: dict[str, _Takes] = {}
        try:
            lines = self._file.read_bytes().splitlines()
        except OSError as error:
            raise ModelError("fatal", f"{self._name}: {self._file} cannot be read: {error.strerror}.") from None
        for number, line in enumerate(lines, 1):
            try:
                recording = Recording.model_validate_json(line)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                said = f"{self._name}: {self._file}:{number} is no recording: {first['msg']}."
                raise ModelError("fatal", said) from None
            if recording.version > VERSION:
                said = f"{self._name}: {self._file}:{number} was recorded by a newer Code Factory."
                raise ModelError("fatal", said)
            takes.setdefault(recording.key, _Takes([])).recordings.append(recording)
        return takes


def request_of(messages: Sequence[Message], options: Options) -> dict[str, Any]:
    """All that a reply depends on but the model, as JSON; pictures as their digest."""
    request: dict[str, Any] = {"messages": [_with_digests(message_to_json(m)) for m in messages]}
    request["temperature"] = options.get("temperature", 0.0)
    if stop := options.get("stop"):
        request["stop"] = list(stop)
    if tools := options.get("tools"):
        request["tools"] = [tool_to_json(tool) for tool in tools]
    for name in ("schema", "seed"):
        if (value := options.get(name)) is not None:
            request[name] = value
    return request


def key_of(request: Mapping[str, Any]) -> str:
    text = json.dumps(request, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _with_digests(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not isinstance(content, list):
        return message
    parts: list[dict[str, Any]] = []
    for part in cast("list[dict[str, Any]]", content):
        if part["type"] == "image_url":
            head, _, data = part["image_url"]["url"].partition(",")
            digest = hashlib.sha256(base64.b64decode(data)).hexdigest()
            parts.append({"type": "image", "media_type": head[5:].partition(";")[0], "sha256": digest})
        else:
            parts.append(part)
    return {**message, "content": parts}


def _scrubbed(value: Any) -> Any:
    """A value of JSON without secrets in its texts. All are looked at together: what is a secret in one is in all."""
    from codefactory.pipelines.prompts.masking import mask

    texts: list[str] = []

    def note(text: str) -> str:
        texts.append(text)
        return text

    _each_text(value, note)
    whole = _SEPARATOR.join(texts)
    clean = mask(masked(whole, environment_secrets())).text.split(_SEPARATOR)
    if len(clean) != len(texts):  # a text has the separator in it
        clean = [mask(masked(text, environment_secrets())).text for text in texts]
    replacements = iter(clean)

    def replace(text: str) -> str:
        del text
        return next(replacements)

    return _each_text(value, replace)


def _each_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: _each_text(inner, change) for key, inner in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_each_text(inner, change) for inner in cast("list[Any]", value)]
    return value


def _difference(request: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> str:
    if not known:
        return "The file is empty."
    wanted = _lines(request)
    nearest = max(map(_lines, known), key=lambda lines: difflib.SequenceMatcher(None, wanted, lines).quick_ratio())
    diff = [*difflib.unified_diff(nearest, wanted, "recorded", "asked", lineterm="", n=1)]
    more = f"\n… {len(diff) - DIFF_LINES} more lines" if len(diff) > DIFF_LINES else ""
    return "It differs from the nearest one:\n" + "\n".join(diff[:DIFF_LINES]) + more


def _lines(request: Mapping[str, Any]) -> list[str]:
    """Readable lines: a text's own line breaks are lines."""
    return json.dumps(request, indent=1, sort_keys=True, ensure_ascii=False).replace("\\n", "\n").splitlines()
