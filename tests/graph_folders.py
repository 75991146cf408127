"""Helpers for tests of the graph in the editor: a folder of files, opened in an editor until its graph is built."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from editor import TIMEOUT_S, Editor, serving
from lsprotocol import types

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

SETTINGS = {"diagnostics": {"enable": ["syntax"]}}
SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": "RATE = 2\n",
    "shop/orders.py": "from shop.prices import RATE\nfrom . import stock\n\nprint(RATE, stock)\n",
    "shop/stock.py": "COUNT = 1\n",
}


def lay_out(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.encode())


@asynccontextmanager
async def opened(
    editor: Editor, root: Path, files: Mapping[str, str] = SHOP, settings: Mapping[str, Any] = SETTINGS
) -> AsyncIterator[Editor]:
    """The folder in an editor that other tests use too."""
    lay_out(root, files)
    folder = types.WorkspaceFolder(root.as_uri(), root.name)
    editor.client.set_configuration({"codefactory": settings}, scope_uri=folder.uri)
    change_folders(editor, [folder], [])
    await until(editor, root, lambda graph: graph["state"] == "ready" and graph["folder"] == folder.uri)
    try:
        yield editor
    finally:
        for uri in [uri for uri in editor.buffers if uri.startswith(folder.uri)]:
            editor.close(uri)
        change_folders(editor, [], [folder])


@asynccontextmanager
async def opened_alone(
    root: Path, files: Mapping[str, str] = SHOP, settings: dict[str, Any] | None = None, **more: Any
) -> AsyncIterator[Editor]:
    """The folder in an editor of its own; `more`: see `serving`."""
    lay_out(root, files)
    async with serving(root, settings=SETTINGS if settings is None else settings, **more) as editor:
        await until(editor, root, lambda graph: graph["state"] == "ready")
        yield editor


def change_folders(editor: Editor, added: list[types.WorkspaceFolder], removed: list[types.WorkspaceFolder]) -> None:
    event = types.WorkspaceFoldersChangeEvent(added, removed)
    editor.client.workspace_did_change_workspace_folders(types.DidChangeWorkspaceFoldersParams(event))


async def ask(editor: Editor, path: Path, **more: Any) -> dict[str, Any]:
    """The graph of a folder, or of a file in one."""
    answer = await editor.request("codefactory/graph", {"uri": path.as_uri()} | more)
    return answer[0] if answer else {"state": "none", "message": ""}


async def until(editor: Editor, path: Path, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """For what the server does by itself, such as the first build."""
    seen: dict[str, Any] = {}
    for _ in range(int(TIMEOUT_S * 20)):
        seen = await ask(editor, path)
        if condition(seen):
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"waited in vain; last seen: {seen}")


def arrows(graph: dict[str, Any]) -> set[str]:
    """ "source -> target" of each edge, the reason where there is no target."""
    return {
        f"{edge['source']} -> {' '.join(edge['targets']) or edge['reason']}"
        for edge in graph["edges"]
        if edge["reason"] != "standard library"
    }


def watched(editor: Editor, **paths: Any) -> None:
    """Tell the server of files: `created`, `changed`, `deleted`."""
    kinds = {
        "created": types.FileChangeType.Created,
        "changed": types.FileChangeType.Changed,
        "deleted": types.FileChangeType.Deleted,
    }
    changes = [types.FileEvent(path.as_uri(), kinds[kind]) for kind, listed in paths.items() for path in listed]
    editor.client.workspace_did_change_watched_files(types.DidChangeWatchedFilesParams(changes))
