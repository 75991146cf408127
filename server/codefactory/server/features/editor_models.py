"""`codefactory/model/chunk` {id, text}: a piece of what the editor's own model says. See `editor_model`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.server.protocol import as_object

if TYPE_CHECKING:
    from codefactory.server.app import Server


def register(server: Server) -> None:
    def on_chunk(params: Any) -> None:
        values = as_object(params)
        server.client.received(str(values.get("id")), str(values.get("text", "")))

    server.on("codefactory/model/chunk", on_chunk)
