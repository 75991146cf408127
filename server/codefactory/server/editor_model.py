"""A model that the editor has: VS Code's `vscode.lm`, where a subscription needs no key.

The server asks with the request `codefactory/model/complete` {id, model, messages, maxOutputTokens}. The client sends
what it gets as notifications `codefactory/model/chunk` {id, text}, and answers with {error: {category, message}} or
{usage?: {inputTokens, outputTokens}}. `codefactory/model/cancel` {id} tells it to stop. A `codefactory.model.name` of
"editor" means the editor's first model, "editor/ID" a certain one.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import TYPE_CHECKING, Any, Unpack, cast, get_args

from pygls.exceptions import JsonRpcException

from codefactory.pipelines.models import Chunk, ModelError, ModelErrorCategory, Price, Usage

from .protocol import as_object

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from codefactory.pipelines.models import Message, Options

    from .client import Client

PREFIX = "editor"
_CATEGORIES = frozenset[str](get_args(ModelErrorCategory))


def is_editor_model(name: str | None) -> bool:
    return name is not None and name.partition("/")[0] == PREFIX


class EditorModel:
    """See the `Model` protocol. `timeout_s`: the longest silence."""

    def __init__(self, name: str, client: Client, timeout_s: float) -> None:
        self._name = name
        self._client = client
        self._timeout_s = timeout_s

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        """The editor's models cost no dollars a token."""
        return Price(0.0, 0.0)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        """An editor takes neither a temperature nor stop words, a seed or a schema."""
        if options.get("tools") or any(m.images or m.role == "tool" for m in messages):
            raise ModelError("fatal", f"{self._name}: an editor's model takes no tools and no images. Choose another.")
        if not self._client.capabilities.editor_models:
            raise ModelError("fatal", f"This editor offers no model for {self._name!r}. Set codefactory.model.name.")
        call = uuid.uuid4().hex[:12]
        params = {
            "id": call,
            "model": self._name.partition("/")[2] or None,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "maxOutputTokens": max_output_tokens,
        }
        pieces: asyncio.Queue[str | None] = asyncio.Queue()
        with self._client.receiving(call, pieces.put_nowait):
            answer = asyncio.ensure_future(self._client.request("codefactory/model/complete", params))
            answer.add_done_callback(lambda _: pieces.put_nowait(None))
            try:
                while (piece := await self._next(pieces)) is not None:
                    yield Chunk(piece)
                yield Chunk("", _usage(self._name, answer))
            finally:
                if not answer.done():
                    self._client.notify_known("codefactory/model/cancel", {"id": call})

    async def _next(self, pieces: asyncio.Queue[str | None]) -> str | None:
        try:
            return await asyncio.wait_for(pieces.get(), self._timeout_s)
        except TimeoutError:
            message = f"{self._name} said nothing for {self._timeout_s:g} s; see codefactory.model.timeoutS."
            raise ModelError("timeout", message) from None


def _usage(name: str, answer: asyncio.Future[Any]) -> Usage:
    """What the editor's answer says was used. Raises ModelError when it is a failure."""
    try:
        said: Mapping[str, Any] = as_object(answer.result())
    except JsonRpcException as error:
        raise ModelError("fatal", f"The editor could not ask {name}: {error.message}") from error
    if failure := as_object(said.get("error")):
        category = str(failure.get("category"))
        known = cast("ModelErrorCategory", category) if category in _CATEGORIES else "fatal"
        raise ModelError(known, f"{name}: {failure.get('message') or 'the editor gave no reason'}")
    usage = as_object(said.get("usage"))
    tokens = [value if isinstance(value := usage.get(k), int) else None for k in ("inputTokens", "outputTokens")]
    return Usage(tokens[0], tokens[1], 0.0)
