"""The dependency graph in the editor: `codefactory/graph`, and that it stays current."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from editor import codes, serving
from graph_folders import SHOP, arrows, ask, lay_out, opened, opened_alone, until, watched
from lsprotocol import types

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")


def git(root: Path, *arguments: str) -> str:
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    done = subprocess.run(
        ["git", "-C", str(root), *identity, *arguments], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


async def test_nodes_edges_and_places(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path):
        graph = await ask(editor, tmp_path)
        assert [node["path"] for node in graph["nodes"]] == sorted(SHOP)
        assert next(n for n in graph["nodes"] if n["path"] == "shop/stock.py") == {
            "path": "shop/stock.py",
            "language": "python",
            "dependents": 1,
        }
        assert arrows(graph) == {"shop/orders.py -> shop/prices.py", "shop/orders.py -> shop/stock.py"}
        edge = next(e for e in graph["edges"] if e["module"] == "shop.prices")
        assert edge["kind"] == "import"
        assert edge["name"] == "RATE"
        assert edge["range"] == {"start": {"line": 0, "character": 5}, "end": {"line": 0, "character": 16}}
        assert edge["nameRange"]["start"] == {"line": 0, "character": 24}
        assert (graph["files"], graph["cycles"], graph["problems"], graph["truncated"]) == (4, [], [], False)
        assert (await ask(editor, tmp_path, limit=1))["truncated"]


async def test_one_file(editor: Editor, tmp_path: Path) -> None:
    files = SHOP | {"other.py": "import shop.orders\n", "far.py": "import other\n"}
    async with opened(editor, tmp_path, files):
        graph = await ask(editor, tmp_path / "shop/orders.py")
        assert arrows(graph) == {
            "shop/orders.py -> shop/prices.py",
            "shop/orders.py -> shop/stock.py",
            "other.py -> shop/orders.py",
        }
        assert "far.py" not in {node["path"] for node in graph["nodes"]}
        assert await editor.request("codefactory/graph", {"uri": "file:///elsewhere/x.py"}) == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_columns_are_in_the_clients_units(tmp_path: Path, encoding: str) -> None:
    line = '"𝒳é"; import shop.prices\n'
    async with opened_alone(tmp_path, SHOP | {"main.py": line}, encoding=encoding) as editor:
        for prefix in ("", "'日本' ; "):  # on the disk, then only in the buffer
            graph = await ask(editor, tmp_path / "main.py")
            where = next(e for e in graph["edges"] if e["source"] == "main.py")["range"]
            start = (prefix + line).index("shop.prices")
            assert where["start"]["character"] == editor.position(prefix + line, start).character
            assert where["end"]["character"] == editor.position(prefix + line, start + 11).character
            editor.open((tmp_path / "main.py").as_uri(), "'日本' ; " + line)


async def test_what_is_typed_counts_before_it_is_saved(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path):
        uri = editor.open((tmp_path / "shop/stock.py").as_uri(), SHOP["shop/stock.py"])
        editor.insert(uri, 0, "import shop.prices\n")
        assert "shop/stock.py -> shop/prices.py" in arrows(await ask(editor, tmp_path))
        editor.replace(uri, 0, len("import shop.prices\n"), "")
        assert "shop/stock.py -> shop/prices.py" not in arrows(await ask(editor, tmp_path))
        for character in "from shop import prices\n":  # one keystroke after another, asked once
            editor.insert(uri, len(editor.text(uri)), character)
        assert "shop/stock.py -> shop/prices.py" in arrows(await ask(editor, tmp_path))
        editor.close(uri)
        assert "shop/stock.py -> shop/prices.py" not in arrows(await ask(editor, tmp_path))


async def test_a_new_buffer_is_a_file_unless_it_would_be_ignored(editor: Editor, tmp_path: Path) -> None:
    files = SHOP | {"main.py": "import fresh\nimport build.made\n", ".gitignore": "build/\n"}
    git(tmp_path, "init", "-q")
    async with opened(editor, tmp_path, files):
        editor.open((tmp_path / "fresh.py").as_uri(), "import shop.stock\n")
        editor.open((tmp_path / "build" / "made.py").as_uri(), "import shop.stock\n")
        lay_out(tmp_path, {"build/there.py": "import shop.stock\n"})
        editor.open((tmp_path / "build" / "there.py").as_uri(), "import shop.stock\n")
        graph = await ask(editor, tmp_path)
        assert {"main.py -> fresh.py", "fresh.py -> shop/stock.py"} <= arrows(graph)
        assert not [node for node in graph["nodes"] if node["path"].startswith("build/")]


async def test_files_that_come_go_and_change(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, SHOP | {"main.py": "import late\n"}):
        lay_out(tmp_path, {"late.py": "import shop.orders\n"})
        watched(editor, created=[tmp_path / "late.py"])
        assert {"main.py -> late.py", "late.py -> shop/orders.py"} <= arrows(await ask(editor, tmp_path))
        lay_out(tmp_path, {"late.py": "import shop.stock\n"})
        watched(editor, changed=[tmp_path / "late.py"])
        assert "late.py -> shop/stock.py" in arrows(await ask(editor, tmp_path))
        (tmp_path / "late.py").unlink()
        watched(editor, deleted=[tmp_path / "late.py"])
        assert not [arrow for arrow in arrows(await ask(editor, tmp_path)) if "late.py" in arrow]


async def test_a_rename_in_the_editor(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, SHOP | {"main.py": "import store.orders\nimport shop.orders\n"}):
        (tmp_path / "shop").rename(tmp_path / "store")
        renamed = types.FileRename((tmp_path / "shop").as_uri(), (tmp_path / "store").as_uri())
        editor.client.workspace_did_rename_files(types.RenameFilesParams([renamed]))
        graph = await ask(editor, tmp_path)
        assert "main.py -> store/orders.py" in arrows(graph)
        assert {node["path"].partition("/")[0] for node in graph["nodes"]} == {"main.py", "store"}
        (tmp_path / "store/stock.py").unlink()
        deleted = types.FileDelete((tmp_path / "store/stock.py").as_uri())
        editor.client.workspace_did_delete_files(types.DeleteFilesParams([deleted]))
        assert "store/orders.py -> store/stock.py" not in arrows(await ask(editor, tmp_path))


@pytest.mark.parametrize("count", [3, 150, 600])
async def test_a_checkout_that_switches_files(editor: Editor, tmp_path: Path, count: int) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    lay_out(tmp_path, SHOP)
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "switch", "-qc", "other")
    git(tmp_path, "rm", "-q", "shop/stock.py")
    lay_out(tmp_path, {f"many/m{n}.py": "import shop.prices\n" for n in range(count)})
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "two")
    many = [tmp_path / f"many/m{n}.py" for n in range(count)]
    stock = tmp_path / "shop/stock.py"
    async with opened(editor, tmp_path, {}):
        kept = editor.open((tmp_path / "shop/prices.py").as_uri(), "import shop.orders\n")  # not saved
        assert (await ask(editor, tmp_path))["files"] == 3 + count
        git(tmp_path, "switch", "-q", "main")
        watched(editor, deleted=many, created=[stock])
        graph = await ask(editor, tmp_path)
        assert graph["files"] == 4
        assert arrows(graph) == {
            "shop/orders.py -> shop/prices.py",
            "shop/orders.py -> shop/stock.py",
            "shop/prices.py -> shop/orders.py",
        }
        git(tmp_path, "switch", "-q", "other")
        watched(editor, created=many, deleted=[stock])
        graph = await ask(editor, tmp_path, limit=5000)
        assert graph["files"] == 3 + count
        assert "many/m2.py -> shop/prices.py" in arrows(graph)
        editor.close(kept)


async def test_a_client_that_does_not_watch_files_saves_one(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, SHOP | {"main.py": "x = 1\n"}):
        lay_out(tmp_path, {"main.py": "import shop.stock\n"})
        saved = types.TextDocumentIdentifier((tmp_path / "main.py").as_uri())
        editor.client.text_document_did_save(types.DidSaveTextDocumentParams(saved))
        assert "main.py -> shop/stock.py" in arrows(await ask(editor, tmp_path))


async def test_configuration_says_what_imports_mean(editor: Editor, tmp_path: Path) -> None:
    files = {
        "tsconfig.json": '{"compilerOptions": {"paths": {"@lib/*": ["./old/*"]}}}',
        "old/a.ts": "export const a = 1\n",
        "new/a.ts": "export const a = 1\n",
        "main.ts": 'import { a } from "@lib/a"\n',
    }
    async with opened(editor, tmp_path, files):
        assert arrows(await ask(editor, tmp_path)) == {"main.ts -> old/a.ts"}
        lay_out(tmp_path, {"tsconfig.json": files["tsconfig.json"].replace("old", "new")})
        watched(editor, changed=[tmp_path / "tsconfig.json"])
        assert arrows(await ask(editor, tmp_path)) == {"main.ts -> new/a.ts"}


async def test_cycles_appear_and_disappear(editor: Editor, tmp_path: Path) -> None:
    settings = {"diagnostics": {"enable": ["syntax"]}, "graph": {"cycles": "warning"}}
    async with opened(editor, tmp_path, settings=settings):
        orders = editor.open((tmp_path / "shop/orders.py").as_uri(), SHOP["shop/orders.py"])
        stock = editor.open((tmp_path / "shop/stock.py").as_uri(), SHOP["shop/stock.py"])
        await editor.codes(stock)
        editor.insert(stock, 0, "'𝒳'; import shop.orders\n")
        found = await editor.diagnostics(stock, lambda d: codes(d) == ["import-cycle"])
        assert found[0].message == "Import cycle: shop/stock.py → shop/orders.py → shop/stock.py."
        assert found[0].severity == types.DiagnosticSeverity.Warning
        start = editor.text(stock).index("shop.orders")
        assert found[0].range == editor.range(editor.text(stock), start, start + len("shop.orders"))
        found = await editor.diagnostics(orders, lambda d: codes(d) == ["import-cycle"])
        assert found[0].range.start == types.Position(1, 14)
        assert (await ask(editor, tmp_path))["cycles"] == [["shop/orders.py", "shop/stock.py"]]
        editor.replace(stock, 0, editor.text(stock).index("COUNT"), "")
        await editor.codes(stock)
        await editor.codes(orders)
        assert (await ask(editor, tmp_path))["cycles"] == []


async def test_an_import_of_this_tree_that_leads_nowhere(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, SHOP):
        uri = editor.open((tmp_path / "main.py").as_uri(), "import shop.gone, requests\nfrom shop import nothing\n")
        found = await editor.diagnostics(uri, lambda d: codes(d) == ["unresolved-import"])
        assert found[0].message == "Nothing in this workspace answers to 'shop.gone'."
        assert found[0].severity == types.DiagnosticSeverity.Hint
        assert found[0].range == editor.range(editor.text(uri), 7, 16)
        editor.insert(uri, 0, "# a line\n")
        found = await editor.diagnostics(uri, lambda d: codes(d) == ["unresolved-import"])
        assert found[0].range.start == types.Position(1, 7)
        lay_out(tmp_path, {"shop/gone.py": ""})
        watched(editor, created=[tmp_path / "shop/gone.py"])
        await editor.codes(uri)


@pytest.mark.parametrize(("level", "shown"), [("off", []), ("warning", ["unresolved-import"])])
async def test_how_it_is_shown_is_a_setting(tmp_path: Path, level: str, shown: list[str]) -> None:
    settings = {"diagnostics": {"enable": ["syntax"]}, "graph": {"unresolved": "hint"}}
    async with opened_alone(tmp_path, SHOP, settings=settings) as editor:
        uri = editor.open((tmp_path / "main.py").as_uri(), "import shop.gone\n")
        await editor.diagnostics(uri, lambda d: codes(d) == ["unresolved-import"])
        editor.client.set_configuration(settings | {"graph": {"unresolved": level}}, section="codefactory")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        found = await editor.diagnostics(
            uri, lambda d: codes(d) == shown and all(x.severity == types.DiagnosticSeverity.Warning for x in d)
        )
        assert codes(found) == shown


async def test_a_pulling_client_gets_them_too(tmp_path: Path) -> None:
    async with opened_alone(tmp_path, SHOP, pull=True) as editor:
        uri = editor.open((tmp_path / "main.py").as_uri(), "import shop.gone\n")
        params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri))
        found: list[str] = []
        for _ in range(100):
            report = await editor.client.text_document_diagnostic_async(params)
            found = codes(report.items)
            if found:
                break
            await ask(editor, tmp_path)
        assert found == ["unresolved-import"]


async def test_a_folder_that_is_too_large_is_said(tmp_path: Path) -> None:
    lay_out(tmp_path, SHOP)
    async with serving(tmp_path, settings={"graph": {"maxFiles": 3}}) as editor:
        graph = await until(editor, tmp_path, lambda graph: graph["state"] == "too-large")
        assert "has 4 source files, more than codefactory.graph.maxFiles (3)" in graph["message"]
        assert [message for message in editor.messages if graph["message"] in message]
        editor.client.set_configuration({"graph": {"maxFiles": 4}}, section="codefactory")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        assert (await until(editor, tmp_path, lambda graph: graph["state"] == "ready"))["files"] == 4
        editor.client.set_configuration({"graph": {"maxFiles": 0}}, section="codefactory")
        editor.client.workspace_did_change_configuration(types.DidChangeConfigurationParams({}))
        assert (await until(editor, tmp_path, lambda graph: graph["state"] == "off"))["nodes"] == []


async def test_each_folder_has_its_own_graph(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    lay_out(tmp_path, {"a.py": "import b\n", "b.py": "", "inner/a.py": "import c\n", "inner/c.py": ""})
    async with serving(tmp_path, inner) as editor:
        for _ in range(400):
            graphs = await editor.request("codefactory/graph", {})
            if all(graph["state"] == "ready" for graph in graphs):
                break
        assert [graph["files"] for graph in graphs] == [4, 2]
        asked = await ask(editor, inner / "a.py")
        assert (asked["folder"], arrows(asked)) == (inner.as_uri(), {"a.py -> c.py"})


async def test_what_a_model_would_be_shown(editor: Editor, tmp_path: Path) -> None:
    async with opened(editor, tmp_path, SHOP | {".env": "KEY=1\n"}):
        uri = editor.open((tmp_path / "shop/orders.py").as_uri(), SHOP["shop/orders.py"])
        where = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}}
        shown = await editor.run("codefactory.showContext", {"uri": uri, "range": where})
        files = [file["path"] for file in shown["json"]["files"]]
        assert files[0] == "shop/prices.py"
        assert shown["json"]["budgetTokens"] == 2000
        assert "RATE = 2" in shown["markdown"]
        editor.open((tmp_path / "notes.txt").as_uri(), "x", "plaintext")
        assert (await editor.run("codefactory.showContext", (tmp_path / "notes.txt").as_uri()))["json"] is None


async def test_the_end_does_not_wait_for_a_build(tmp_path: Path) -> None:
    lay_out(tmp_path, {f"p{n // 100}/m{n}.py": "import os\n" * 50 for n in range(3000)})
    async with serving(tmp_path) as editor:
        await until(editor, tmp_path, lambda graph: graph["state"] != "off")
        ended = time.monotonic()
    assert time.monotonic() - ended < 5
