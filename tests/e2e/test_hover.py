"""Hover."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import pytest
from editor import codes
from graph_folders import opened
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def hover(editor: Editor, uri: str, line: int, character: int) -> str | None:
    params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(line, character))
    found = await editor.client.text_document_hover_async(params)
    assert found is None or isinstance(found.contents, types.MarkupContent)
    return found.contents.value if found else None  # type: ignore[union-attr]


async def test_on_a_finding(editor: Editor, uri: str) -> None:
    editor.open(uri, "import yaml\nyaml.load(open('x'), Loader=yaml.Loader)\n")
    await editor.diagnostics(uri, lambda d: [len(x.data["fingerprints"]) for x in d] == [2])
    said = await hover(editor, uri, 1, 3)
    assert said is not None
    assert "severity medium, confidence high" in said
    assert "[bandit:B506](https://bandit.readthedocs.io/" in said
    assert "ruff:S506" in said
    assert await hover(editor, uri, 0, 3) is None


async def test_code_in_a_message_is_no_markdown(editor: Editor, uri: str) -> None:
    editor.open(uri, "password = '](http://evil)<b>'\n")
    await editor.codes(uri, "B105")
    said = await hover(editor, uri, 0, 12)
    assert said is not None
    assert "](http://evil)" not in said.replace("\\](", "")


async def test_it_answers_while_a_large_file_is_analyzed(editor: Editor, uri: str) -> None:
    """bench/latency.py has the exact figures; this bound is for a machine that does other things too."""
    load = "\n\ndef load{}(stream):\n    return yaml.load(stream, Loader=yaml.Loader)\n"
    plain = "\n\ndef plain{}(a, b=[1, {{'x': 'y'}}]):\n    return [str(a) + 'z' for _ in b if a is not None]\n"
    blocks = [(plain if n % 20 else load).format(n) for n in range(750)]
    editor.open(uri, "import yaml\n" + "".join(blocks))
    await editor.diagnostics(uri, lambda d: codes(d).count("B506") == 38)
    waits: list[float] = []
    for n in range(15):
        editor.insert(uri, 0, f"# {n}\n")
        started = time.perf_counter()
        assert await hover(editor, uri, 4 + n + 1, 14)
        waits.append(time.perf_counter() - started)
    assert statistics.median(waits) < 0.15
    editor.close(uri)


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("import shop.prices\n", "prices", ["`shop.prices` → [shop/prices.py](", "used by 2 files"]),
        ("'𝒳é'; import shop.prices\n", "prices", ["`shop.prices` → [shop/prices.py]("]),
        ("from shop import stock, prices\n", "stock", ["`shop.stock` → [shop/stock.py]("]),
        ("from shop.prices import RATE\n", "RATE", ["`shop.prices.RATE` → [shop/prices.py]("]),
        ("def f():\n    import shop.prices\n", "shop", ["(when the function is called) → [shop/prices.py]("]),
        ("import shop.gone\n", "gone", ["`shop.gone`: **not resolved**"]),
        ("import json\n", "json", ["`json`: part of the standard library"]),
        ("import yaml\n", "yaml", ["`yaml`: an installed package"]),
    ],
)
async def test_on_an_import(editor: Editor, tmp_path: Path, text: str, at: str, said: list[str]) -> None:
    async with opened(editor, tmp_path):
        uri = editor.open((tmp_path / "main.py").as_uri(), text)
        await editor.diagnostics(uri)
        where = editor.position(text, text.index(at) + 1)
        found = await hover(editor, uri, where.line, where.character)
        assert found is not None
        assert all(words in found for words in said), found
        beside = editor.position(text, text.index("import") + 1)
        assert await hover(editor, uri, beside.line, beside.character) is None
