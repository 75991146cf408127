"""Document links: from an import to the file it means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from codefactory.server import convert

if TYPE_CHECKING:
    from codefactory.analyzers import Encoding, Text
    from codefactory.server.app import Server
    from codefactory.server.folder_graph import FolderGraph


def register(server: Server) -> None:
    async def on_document_link(params: types.DocumentLinkParams) -> list[types.DocumentLink]:
        uri, encoding = params.text_document.uri, server.client.encoding
        snapshot = server.session.snapshot(uri)
        if snapshot is None:
            return []
        found = await server.graphs.ask(uri, lambda graph, path: links(graph, path, snapshot.lines, encoding)) or []
        if not server.client.capabilities.link_tooltips:
            for link in found:
                link.tooltip = None
        return found

    server.on(types.TEXT_DOCUMENT_DOCUMENT_LINK, on_document_link, types.DocumentLinkOptions(resolve_provider=False))


def links(graph: FolderGraph, path: str, text: Text, encoding: Encoding) -> list[types.DocumentLink]:
    """Where an import means all files of a folder (Go), the link leads to the first."""
    from codefactory.server import imports

    return [
        types.DocumentLink(
            convert.to_range(link.span, text, encoding),
            target=(graph.root / link.targets[0]).as_uri(),
            tooltip=link.targets[0]
            if len(link.targets) == 1
            else f"{link.targets[0]} and {len(link.targets) - 1} more",
        )
        for link in imports.links(graph.graph, path)
    ]
