"""The code lens "used by N files" and the command behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from graph_folders import SHOP, arrows, ask, opened, opened_alone
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def lenses(editor: Editor, uri: str) -> list[types.CodeLens]:
    params = types.CodeLensParams(types.TextDocumentIdentifier(uri))
    return list(await editor.client.text_document_code_lens_async(params) or ())


async def titles(editor: Editor, uri: str) -> list[str]:
    return [lens.command.title for lens in await lenses(editor, uri) if lens.command]


def named(root: Path, locations: list[Any]) -> list[tuple[str, int, int, int]]:
    return [
        (
            place["uri"].removeprefix(root.as_uri() + "/"),
            place["range"]["start"]["line"],
            place["range"]["start"]["character"],
            place["range"]["end"]["character"],
        )
        for place in locations
    ]


async def test_who_uses_a_file(editor: Editor, tmp_path: Path) -> None:
    main = "'𝒳'; import shop.stock\nfrom shop.stock import COUNT, OTHER\n"
    async with opened(editor, tmp_path, SHOP | {"main.py": main}):
        uri = (tmp_path / "shop/stock.py").as_uri()
        (lens,) = await lenses(editor, uri)
        assert lens.range == types.Range(types.Position(0, 0), types.Position(0, 0))
        assert lens.command is not None
        assert lens.command.title == "used by 2 files"
        places = named(tmp_path, await editor.run(lens.command))
        assert places == [("main.py", 0, 13, 23), ("main.py", 1, 5, 15), ("shop/orders.py", 1, 14, 19)]


async def test_it_follows_what_is_typed(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path):
        prices = (tmp_path / "shop/prices.py").as_uri()
        assert await titles(editor, prices) == ["used by 1 file"]
        uri = editor.open((tmp_path / "main.py").as_uri(), "import shop.prices\n")
        assert await titles(editor, prices) == ["used by 2 files"]
        editor.rewrite(uri, "")
        assert await titles(editor, prices) == ["used by 1 file"]
        assert await titles(editor, uri) == []  # nobody uses it, and nobody need be told


async def test_a_client_that_shows_places_itself(tmp_path: Path) -> None:
    async with opened_alone(tmp_path, options={"showReferences": "mine.show"}) as editor:
        uri = (tmp_path / "shop/stock.py").as_uri()
        (lens,) = await lenses(editor, uri)
        assert lens.command is None
        resolved = await editor.client.code_lens_resolve_async(lens)
        assert resolved.command is not None
        assert (resolved.command.title, resolved.command.command) == ("used by 1 file", "mine.show")
        asked, position, places = resolved.command.arguments or ()
        assert asked == uri
        assert position == {"line": 0, "character": 0}
        assert named(tmp_path, places) == [("shop/orders.py", 1, 14, 19)]


async def test_it_can_be_turned_off(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, settings={"graph": {"codeLens": False}}):
        assert "shop/orders.py -> shop/stock.py" in arrows(await ask(editor, tmp_path))
        assert await titles(editor, (tmp_path / "shop/stock.py").as_uri()) == []


async def test_a_command_without_a_document_is_refused(editor: Editor) -> None:
    with pytest.raises(Exception, match="uri"):
        await editor.run("codefactory.showDependents", {})
    assert await editor.run("codefactory.showDependents", "file:///nowhere/x.py") == []
