"""`codefactory/graph` {uri?, limit?} → the dependency graph of a file, of a folder, or of all folders.

The answer is a list with one object for each folder: {folder, state, message, files, nodes, edges, truncated, cycles,
problems}. With a file's `uri`: only its imports, the imports of it, and the cycles it is in. Paths are relative to the
folder. Nothing waits for a graph that is being built: `state` says so.
"""

from __future__ import annotations

import json
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from codefactory.analyzers import Text, language_of
from codefactory.server import convert
from codefactory.server.collection import uncollected
from codefactory.server.protocol import Encoded, as_object

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from codefactory.analyzers import Encoding
    from codefactory.analyzers.graph import Edge
    from codefactory.server.app import Server
    from codefactory.server.configuration import Folder
    from codefactory.server.folder_graph import FolderGraph

METHOD = "codefactory/graph"
LIMIT = 20_000
"""Edges in one answer, unless the client asks for another number."""


def register(server: Server) -> None:
    async def on_graph(params: Any) -> Encoded:
        values = as_object(params)
        uri, limit = values.get("uri"), values.get("limit")
        limit = limit if isinstance(limit, int) and limit >= 0 else LIMIT
        located = server.graphs.locate(uri) if isinstance(uri, str) else None
        folders = [f for f in server.configuration.folders if located is None or f.uri == located[0]]
        path = located[1] if located is not None and located[1] != "." else None
        if isinstance(uri, str) and located is None:
            folders = []
        parts = [await _folder(server, folder, path, limit) for folder in folders]
        return Encoded(b"[" + b",".join(parts) + b"]")

    server.on(METHOD, on_graph)


NOTHING = b'"files":0,"nodes":[],"edges":[],"truncated":false,"cycles":[],"problems":[]'
"""The fields of a folder without a graph."""


async def _folder(server: Server, folder: Folder, path: str | None, limit: int) -> bytes:
    encoding = server.client.encoding

    def question(graph: FolderGraph) -> bytes:
        with uncollected():  # tens of thousands of short-lived objects
            return encode(graph, path, limit, encoding)

    found = await server.graphs.ask_folder(folder.uri, question)
    state, message = server.graphs.state(folder.uri)
    head = {"folder": folder.uri, "state": state, "message": message}
    # The folder may have lost its graph while the answer was made.
    rest = found if found and state == "ready" else NOTHING
    return json.dumps(head).encode()[:-1] + b"," + rest + b"}"


def encode(graph: FolderGraph, path: str | None, limit: int, encoding: Encoding) -> bytes:
    """The fields of one folder. In small pieces: `json.dumps` of everything at once would hold the interpreter's lock
    and stop the event loop."""
    full = graph.graph
    some = list(islice(_all(graph) if path is None else _around(graph, path), limit + 1))
    shown = some[:limit]
    if path is None:
        paths: Iterable[str] = full.files
        cycles = graph.cycles.groups
    else:
        ends = chain.from_iterable((edge.source, *edge.targets) for edge in shown)
        paths = sorted({*ends, *([path] if path in full else [])})
        cycles = tuple(group for group in graph.cycles.groups if path in group)
    fields: dict[str, Iterable[Any]] = {
        "nodes": ({"path": p, "language": language_of(p), "dependents": len(full.dependents(p))} for p in paths),
        "edges": _edges(graph, shown, encoding),
        "cycles": cycles,
        "problems": ({"kind": p.kind, "message": p.message} for p in islice(graph.problems, limit)),
    }
    parts = [f'"files":{len(full)}', f'"truncated":{json.dumps(len(some) > limit)}']
    parts += [f'"{name}":[{",".join(map(json.dumps, values))}]' for name, values in fields.items()]
    return ",".join(parts).encode()


def _all(graph: FolderGraph) -> Iterator[Edge]:
    for path in graph.graph.files:
        yield from graph.graph.imports(path)


def _around(graph: FolderGraph, path: str) -> Iterator[Edge]:
    """The imports of a file, then those that lead to it."""
    full = graph.graph
    yield from full.imports(path)
    for importer in full.dependents(path):
        yield from (edge for edge in full.imports(importer) if path in edge.targets)


def _edges(graph: FolderGraph, edges: Iterable[Edge], encoding: Encoding) -> Iterator[dict[str, Any]]:
    source, text = "", Text("")
    for edge in edges:
        if edge.source != source:
            source = edge.source
            text = _text(graph, source)
        imported = edge.import_
        span = convert.to_range(imported.span, text, encoding)
        name = imported.name_span
        yield {
            "source": edge.source,
            "targets": edge.targets,
            "reason": edge.reason,
            "kind": imported.kind,
            "module": imported.module,
            "name": imported.name,
            "range": _range(span),
            "nameRange": None if name is None else _range(convert.to_range(name, text, encoding)),
        }


def _text(graph: FolderGraph, path: str) -> Text:
    try:
        return Text(graph.graph.read(path).decode("utf-8", "replace"))
    except OSError:
        return Text("")


def _range(value: Any) -> dict[str, Any]:
    ends = {"start": value.start, "end": value.end}
    return {name: {"line": p.line, "character": p.character} for name, p in ends.items()}
