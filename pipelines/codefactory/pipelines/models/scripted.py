"""`scripted/FILE`: a model whose replies are in a file. For trying a pipeline out, and for tests, without any server.

The file is JSON: a list of replies, each a text or an object of the fields of `ScriptedReply`. A request takes the
first that is left and whose `when` occurs in its messages.
"""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from .model import Chunk, ModelError, ModelErrorCategory, Price, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from .model import Message, Options

PREFIX = "scripted"
CHARACTERS_PER_TOKEN = 4
_CHUNK_CHARACTERS = 16


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ScriptedCall(_Part):
    name: str
    arguments: dict[str, Any] = {}


class ScriptedReply(_Part):
    """One reply, or with `error` one failure."""

    when: str = Field(default="", description="Only for a request whose messages contain this.")
    times: int | None = Field(default=None, ge=1, description="How often it can be taken; null: always.")
    text: str = ""
    tool_calls: tuple[ScriptedCall, ...] = ()
    usage: tuple[int, int] | None = Field(
        default=None, description="Tokens in and out; null: a token for every four characters."
    )
    finish: Literal["stop", "length", "filtered"] = "stop"
    error: str | None = None
    category: ModelErrorCategory = "fatal"


_Replies = TypeAdapter(list[ScriptedReply | str])


class ScriptedModel:
    """See the `Model` protocol. It costs nothing."""

    def __init__(self, name: str, file: Path) -> None:
        self._name = name
        self._file = file
        self._replies: list[ScriptedReply] | None = None
        self._taken: list[int] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        return Price(0.0, 0.0)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        if self._replies is None:
            replies = await asyncio.to_thread(self._read)
            with self._lock:
                self._replies = self._replies or replies
                self._taken = self._taken or [0] * len(replies)
        asked = "\n\n".join(message.content for message in messages)
        reply = self._take(asked)
        if reply.error is not None:
            raise ModelError(reply.category, f"{self._name}: {reply.error}", unreported=0)
        allowed = max_output_tokens * CHARACTERS_PER_TOKEN
        text = reply.text[:allowed]
        for at in range(0, len(text), _CHUNK_CHARACTERS):
            yield Chunk(text[at : at + _CHUNK_CHARACTERS])
            await asyncio.sleep(0)
        usage = reply.usage or (-(-len(asked) // CHARACTERS_PER_TOKEN), -(-len(text) // CHARACTERS_PER_TOKEN))
        calls = tuple(
            ToolCall(f"call_{i}", call.name, _json(call.arguments)) for i, call in enumerate(reply.tool_calls)
        )
        finish = "length" if len(text) < len(reply.text) else "tool-calls" if calls else reply.finish
        yield Chunk("", Usage(*usage, cost_usd=0.0), finish, calls)

    def _read(self) -> list[ScriptedReply]:
        try:
            found = _Replies.validate_json(self._file.read_bytes())
        except OSError as error:
            raise ModelError("fatal", f"{self._name}: {error.filename} cannot be read: {error.strerror}.") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ModelError("fatal", f"{self._name}: {self._file} is no script: {place}: {first['msg']}.") from None
        return [ScriptedReply(text=r) if isinstance(r, str) else r for r in found]

    def _take(self, asked: str) -> ScriptedReply:
        with self._lock:
            for index, reply in enumerate(self._replies or ()):
                if reply.when in asked and (reply.times is None or self._taken[index] < reply.times):
                    self._taken[index] += 1
                    return reply
        raise ModelError("fatal", f"{self._name}: {self._file} has no reply left for this request.")


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def file_of(name: str) -> Path:
    """The file in a name like "scripted/FILE"; "~" is the home folder. Raises ModelError where there is none."""
    prefix, _, path = name.partition("/")
    if not path:
        raise ModelError("fatal", f"{name}: write {prefix}/FILE, with the file of replies.")
    return Path(path).expanduser()
