"""Document links on imports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from graph_folders import SHOP, opened, opened_alone
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def links(editor: Editor, root: Path, uri: str) -> list[tuple[str, str]]:
    """(the text that is a link, the path it leads to), worked out from the buffer as it is."""
    params = types.DocumentLinkParams(types.TextDocumentIdentifier(uri))
    found = await editor.client.text_document_document_link_async(params)
    text = editor.text(uri)
    shown: list[tuple[str, str]] = []
    for link in found or ():
        start, end = (editor.offset(text, p) for p in (link.range.start, link.range.end))
        assert link.target is not None
        shown.append((text[start:end], link.target.removeprefix(root.as_uri() + "/")))
    return shown


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("main.py", "import shop.prices as p\n", [("shop.prices", "shop/prices.py")]),
        ("main.py", "from shop.prices import RATE, OTHER\n", [("shop.prices", "shop/prices.py")]),
        (
            "main.py",
            "from shop import stock, prices\n",
            [("shop", "shop/__init__.py"), ("stock", "shop/stock.py"), ("prices", "shop/prices.py")],
        ),
        ("main.py", "import os, yaml, shop.gone\n", []),
        ("main.py", "x = '𝒳é日本'; import shop.prices\n", [("shop.prices", "shop/prices.py")]),
        ("main.py", "\ufeff# é\r\n\x0cimport shop.prices\r\n", [("shop.prices", "shop/prices.py")]),
        ("main.ts", 'import { a } from "./web/a";\nexport * from "react";\n', [("./web/a", "web/a.ts")]),
        ("main.js", 'const a = require("./web/a");\n', [("./web/a", "web/a.ts")]),
        ("main.txt", "import shop.prices\n", []),
        ("main.py", "", []),
    ],
)
async def test_what_is_a_link(
    editor: Editor, tmp_path: Path, name: str, text: str, expected: list[tuple[str, str]]
) -> None:
    async with opened(editor, tmp_path, SHOP | {"web/a.ts": "export const a = 1;\n"}):
        uri = editor.open((tmp_path / name).as_uri(), text)
        found = await links(editor, tmp_path, uri)
        assert found == expected


async def test_they_follow_what_is_typed(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path):
        uri = editor.open((tmp_path / "main.py").as_uri(), "import shop.price\n")
        assert await links(editor, tmp_path, uri) == []
        editor.insert(uri, len("import shop.price"), "s")
        assert await links(editor, tmp_path, uri) == [("shop.prices", "shop/prices.py")]
        editor.insert(uri, 0, "'𝒳'; ")
        assert await links(editor, tmp_path, uri) == [("shop.prices", "shop/prices.py")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-32"])
async def test_in_the_clients_units(tmp_path: Path, encoding: str) -> None:
    async with opened_alone(tmp_path, encoding=encoding) as editor:
        uri = editor.open((tmp_path / "main.py").as_uri(), "'𝒳é'; import shop.prices\n")
        assert await links(editor, tmp_path, uri) == [("shop.prices", "shop/prices.py")]


async def test_go_imports_a_folder(editor: Editor, tmp_path: Path) -> None:
    files = {"go.mod": "module example.org/m\n", "lib/a.go": "package lib\n", "lib/b.go": "package lib\n"}
    async with opened(editor, tmp_path, files):
        uri = editor.open((tmp_path / "main.go").as_uri(), 'package main\n\nimport "example.org/m/lib"\n', "go")
        assert await links(editor, tmp_path, uri) == [("example.org/m/lib", "lib/a.go")]
