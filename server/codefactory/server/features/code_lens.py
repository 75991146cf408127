"""Code lens "used by N files" at the top of a file, and the command behind it, `codefactory.showDependents`.

The command answers with the places. A client that can show places itself names its own command for that in
`initializationOptions.showReferences`; then the lens runs that one, with [uri, position, locations].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codefactory.server import convert, repairs
from codefactory.server.protocol import as_object

from .commands import parameters, required

if TYPE_CHECKING:
    from codefactory.analyzers import Encoding
    from codefactory.server.app import Server
    from codefactory.server.folder_graph import FolderGraph

TOP = types.Position(0, 0)


def register(server: Server) -> None:
    async def on_code_lens(params: types.CodeLensParams) -> list[types.CodeLens]:
        uri = params.text_document.uri
        snapshot = await repairs.document(server, uri)
        if snapshot is None or not (await repairs.project_of(server, snapshot)).settings.graph.code_lens:
            return []
        count = await server.graphs.ask(uri, lambda graph, path: len(graph.graph.dependents(path)))
        resolves = server.client.capabilities.shows_references is not None
        return [lens(uri, count, resolves=resolves)] if count else []

    async def on_resolve(item: types.CodeLens) -> types.CodeLens:
        uri, command = as_object(item.data).get("uri"), server.client.capabilities.shows_references
        if not isinstance(uri, str) or command is None:
            return item
        from codefactory.server.imports import used_by

        found = await locations(server, uri)
        count = len({location.uri for location in found})
        item.command = types.Command(used_by(count), command, arguments=[uri, TOP, found])
        return item

    async def on_show(*arguments: Any) -> list[types.Location]:
        """{uri}: where other files import this one."""
        return await locations(server, required(parameters(arguments), "uri"))

    server.on(types.TEXT_DOCUMENT_CODE_LENS, on_code_lens, types.CodeLensOptions(resolve_provider=True))
    server.on(types.CODE_LENS_RESOLVE, on_resolve)
    server.on_command("codefactory.showDependents", on_show)
    server.graphs.count_listeners.append(server.client.refresh_lenses)


def lens(uri: str, count: int, *, resolves: bool) -> types.CodeLens:
    """`resolves`: the client wants the places with it, which are worked out when it is seen."""
    from codefactory.server.imports import used_by

    where = types.Range(TOP, TOP)
    if resolves:
        return types.CodeLens(where, data={"uri": uri})
    return types.CodeLens(where, types.Command(used_by(count), "codefactory.showDependents", arguments=[{"uri": uri}]))


async def locations(server: Server, uri: str) -> list[types.Location]:
    encoding = server.client.encoding
    return await server.graphs.ask(uri, lambda graph, path: _locations(graph, path, encoding)) or []


def _locations(graph: FolderGraph, path: str, encoding: Encoding) -> list[types.Location]:
    from codefactory.server.imports import dependents

    return [
        types.Location((graph.root / importer).as_uri(), convert.to_range(span, text, encoding))
        for importer, spans, text in dependents(graph, path)
        for span in spans
    ]
