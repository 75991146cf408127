"""Repairs that a model writes, over real HTTP, with a script in the model's place."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import fake_llama
import pytest
from editor import codes, plain, serving
from graph_folders import until
from lsprotocol import types
from model_files import CONTENT, entry, write_catalogue
from scripted_server import Hang, Reply, ScriptedServer

if TYPE_CHECKING:
    from pathlib import Path

    from editor import Editor

pytestmark = pytest.mark.asyncio(loop_scope="session")

SOURCE = (
    "import pickle\n\nimport yaml\n\n\ndef read(data, stream):\n"
    "    settings = yaml.load(stream, Loader=yaml.Loader)\n    return settings, pickle.loads(data)\n"
)
KEY = "sk-held-in-memory-only"


def block(search: str, replace: str) -> str:
    return f"<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


SILENCED = block(
    "    return settings, pickle.loads(data)", "    return settings, pickle.loads(data)  # noqa: S301  # nosec B301"
)
GOOD = block("import pickle", "import json") + block(
    "    return settings, pickle.loads(data)", "    return settings, json.loads(data)"
)


def settings(server: ScriptedServer, **more: Any) -> dict[str, Any]:
    return {"model": {"name": "openai/scripted", "apiBase": server.url}} | more


async def by_model(editor: Editor, uri: str, part: str) -> types.CodeAction:
    actions = await editor.actions(uri, editor.text(uri).index(part), only=["quickfix"])
    (action,) = [a for a in actions if a.command and a.command.command == "codefactory.repairFinding"]
    return action


async def test_refused_once_and_accepted_in_the_second_round(project: Path, uri: str) -> None:
    with ScriptedServer([Reply(SILENCED), Reply(GOOD)]) as server:
        options = {"secrets": {"model.apiKey": KEY}}
        async with serving(project, settings=settings(server), options=options, llm_tag=True) as editor:
            editor.open(uri, SOURCE)
            await editor.codes(uri, "B403", "B301", "B506")

            actions = await editor.actions(uri, SOURCE.index("yaml.load("))
            (deterministic,) = [a for a in actions if a.is_preferred]
            assert deterministic.tags is None
            assert (await editor.run(deterministic.command))["status"] == "applied"
            await editor.codes(uri, "B403", "B301")

            action = await by_model(editor, uri, "pickle.loads")
            assert "openai/scripted" in action.title
            assert not action.is_preferred
            assert list(action.tags or ()) == [types.CodeActionTag.LlmGenerated]
            job = await editor.job((await editor.run(action.command))["job"])
            assert job["state"] == "done", job
            await editor.wait(lambda: "json.loads(data)" in editor.text(uri), lambda: editor.text(uri))
            await editor.codes(uri)

            evidence = await editor.execute("codefactory.showEvidence", {"proposal": job["result"]["proposal"]})
            rounds = evidence["json"]["evidence"]["rounds"]
            assert [r["accepted"] for r in rounds] == [False, True]
            assert "refused" in rounds[0]["verdict"]
            assert (evidence["json"]["origin"], evidence["json"]["safety"]) == ("model", "review")
            assert "1. openai/scripted: the gate refused" in evidence["markdown"]

            where = types.Position(*place(editor.text(uri), "json.loads"))
            hover = await editor.client.text_document_hover_async(
                types.HoverParams(types.TextDocumentIdentifier(uri), where)
            )
            assert hover is not None
            assert "Written by openai/scripted and accepted by the gate" in hover.contents.value  # type: ignore[union-attr]

            status = await editor.request("codefactory/status", {"uri": uri})
            assert status["model"] == "openai/scripted"
            assert status["spent"]["calls"] == 2
            assert (status["spent"]["inputTokens"], status["spent"]["outputTokens"]) == server.reported
        assert {request.api_key for request in server.requests} == {KEY}
        assert all(KEY not in str(request.body) for request in server.requests)


async def test_cancelling_ends_the_stream(project: Path, uri: str) -> None:
    with ScriptedServer([Hang()]) as server:
        async with serving(project, settings=settings(server)) as editor:
            editor.notify("codefactory/setSecret", {"name": "model.apiKey", "value": KEY})
            editor.open(uri, SOURCE.replace("yaml.Loader", "yaml.SafeLoader"))
            await editor.codes(uri, "B403", "B301")
            job = (await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"]
            await editor.wait(lambda: len(server.requests) == 1)
            assert await editor.execute("codefactory.cancel", {"job": job}) is True
            assert (await editor.job(job))["state"] == "cancelled"
            await editor.wait(lambda: server.requests[0].disconnected)


async def test_a_model_that_helps_nothing_is_said(project: Path, uri: str) -> None:
    with ScriptedServer([Reply(SILENCED, times=None)]) as server:
        async with serving(project, settings=settings(server, budget={"maxRounds": 2})) as editor:
            editor.notify("codefactory/setSecret", {"name": "model.apiKey", "value": KEY})
            text = SOURCE.replace("yaml.Loader", "yaml.SafeLoader")
            editor.open(uri, text)
            await editor.diagnostics(uri, lambda d: "B301" in codes(d))
            job = await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
            assert "no change that the gate accepts" in job["message"]
            assert len(job["result"]["refusal"]["rounds"]) == 2
            assert editor.text(uri) == text
            assert any("no change that the gate accepts" in message for message in editor.messages)


async def test_typing_while_the_model_writes(project: Path, uri: str) -> None:
    with ScriptedServer([Reply(GOOD, chunk_chars=8, delay_s=0.05)]) as server:
        async with serving(project, settings=settings(server)) as editor:
            editor.notify("codefactory/setSecret", {"name": "model.apiKey", "value": KEY})
            text = SOURCE.replace("yaml.Loader", "yaml.SafeLoader")
            editor.open(uri, text)
            await editor.diagnostics(uri, lambda d: "B301" in codes(d))
            job = (await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"]
            await editor.wait(lambda: len(server.requests) == 1)
            editor.insert(uri, len(editor.text(uri)), "\n\nDONE = '😀'\n")
            await editor.job(job)
            expected = text.replace("pickle", "json") + "\n\nDONE = '😀'\n"
            await editor.wait(lambda: editor.text(uri) == expected, lambda: editor.text(uri))


def place(text: str, part: str) -> tuple[int, int]:
    before = text[: text.index(part)]
    return before.count("\n"), len(before.rpartition("\n")[2])


@pytest.mark.parametrize("says", ["blocks", "error"])
async def test_the_editors_own_model(project: Path, uri: str, says: str) -> None:
    asked: list[dict[str, Any]] = []
    options = {"editorModels": True}
    async with serving(project, settings={"model": {"name": "editor/copilot"}}, options=options) as editor:

        def complete(params: Any) -> dict[str, Any]:
            asked.append(plain(params))
            if says == "error":
                return {"error": {"category": "authentication", "message": "the user said no"}}
            for start in range(0, len(GOOD), 20):
                chunk = {"id": asked[-1]["id"], "text": GOOD[start : start + 20]}
                editor.notify("codefactory/model/chunk", chunk)
            return {"usage": {"inputTokens": 7, "outputTokens": 5}}

        editor.client.protocol.fm.features["codefactory/model/complete"] = complete
        text = SOURCE.replace("yaml.Loader", "yaml.SafeLoader")
        editor.open(uri, text)
        await editor.diagnostics(uri, lambda d: "B301" in codes(d))
        job = await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
        assert (asked[0]["model"], asked[0]["messages"][0]["role"]) == ("copilot", "system")
        if says == "error":
            assert "editor/copilot: the user said no" in job["message"]
            assert editor.text(uri) == text
            return
        await editor.wait(lambda: editor.text(uri) == text.replace("pickle", "json"), lambda: editor.text(uri))
        spent = (await editor.request("codefactory/status", {"uri": uri}))["spent"]
        assert (spent["inputTokens"], spent["outputTokens"], spent["costUsd"]) == (7, 5, 0)


def on_this_machine(server: ScriptedServer) -> dict[str, Any]:
    """Settings in which no model is named, and a server runs on vLLM's port."""
    port = int(server.url.split(":")[2].split("/")[0])
    return {"local": {"discover": True, "ollamaPort": 0, "lmStudioPort": 0, "llamaCppPort": 0, "vllmPort": port}}


async def test_with_nothing_configured_a_server_on_this_machine_is_asked(project: Path, uri: str) -> None:
    """And is looked for only when the user opens the menu: not at the start, not while typing."""
    text = SOURCE.replace("yaml.Loader", "yaml.SafeLoader")
    with ScriptedServer([Reply(GOOD)]) as server:
        async with serving(project, settings=on_this_machine(server)) as editor:
            editor.open(uri, text)
            await editor.diagnostics(uri, lambda d: "B301" in codes(d))
            said = await editor.request("codefactory/status", {"uri": uri})
            assert (said["model"], "codefactory models pull" in said["modelWhy"]) == (None, True)
            assert server.listed == 0
            invoked = types.CodeActionTriggerKind.Invoked
            actions = await editor.actions(uri, text.index("pickle.loads"), only=["quickfix"], trigger=invoked)
            (action,) = [a for a in actions if a.command and a.command.command == "codefactory.repairFinding"]
            assert action.title == "Repair B301 with local/vllm/scripted (review)"
            assert server.listed == 1
            await editor.job((await editor.run(action.command))["job"])
            await editor.wait(lambda: editor.text(uri) == text.replace("pickle", "json"), lambda: editor.text(uri))
            said = await editor.request("codefactory/status", {"uri": uri})
            assert said["model"] == "local/vllm/scripted"
            assert said["modelWhy"].startswith("found running: vLLM on port")
            assert any(
                "Code Factory asks local/vllm/scripted: found running" in m.message for m in editor.client.messages
            )


async def test_the_editors_model_comes_first_where_the_user_has_allowed_it(project: Path, uri: str) -> None:
    with ScriptedServer([]) as server:
        options = {"editorModels": "allowed"}
        async with serving(project, settings=on_this_machine(server), options=options) as editor:
            editor.client.protocol.fm.features["codefactory/model/complete"] = lambda _: {
                "error": {"category": "fatal", "message": "asked the editor"}
            }
            editor.open(uri, SOURCE.replace("yaml.Loader", "yaml.SafeLoader"))
            await editor.diagnostics(uri, lambda d: "B301" in codes(d))
            job = await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
            assert "asked the editor" in job["message"]
            assert (await editor.request("codefactory/status", {"uri": uri}))["model"] == "editor"
            assert server.listed == 0


async def test_an_embedded_model_ends_with_the_server(project: Path, uri: str, home: Path) -> None:
    fake_llama.write_script(project, {"text": GOOD})
    write_catalogue(home / "codefactory", entry())
    cache = project / "cache"
    (cache / "codefactory" / "models").mkdir(parents=True)
    (cache / "codefactory" / "models" / "tiny.gguf").write_bytes(CONTENT)
    settings = {"model": {"name": "embedded/tiny"}, "local": {"host": fake_llama.command(project)}}
    text = SOURCE.replace("yaml.Loader", "yaml.SafeLoader")
    async with serving(project, settings=settings, environment={"XDG_CACHE_HOME": str(cache)}) as editor:
        editor.open(uri, text)
        await editor.diagnostics(uri, lambda d: "B301" in codes(d))
        assert fake_llama.starts(project) == []
        await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
        await editor.wait(lambda: editor.text(uri) == text.replace("pickle", "json"), lambda: editor.text(uri))
        (start,) = fake_llama.starts(project)
        assert fake_llama.is_alive(start["pid"])
    async with asyncio.timeout(20):
        while fake_llama.is_alive(start["pid"]):  # noqa: ASYNC110  (it is not our child)
            await asyncio.sleep(0.01)


async def test_an_editor_without_models_says_so(project: Path, uri: str) -> None:
    async with serving(project, settings={"model": {"name": "editor"}}) as editor:
        editor.open(uri, SOURCE.replace("yaml.Loader", "yaml.SafeLoader"))
        await editor.diagnostics(uri, lambda d: "B301" in codes(d))
        job = await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
        assert "This editor offers no model" in job["message"]


async def test_the_model_sees_what_the_file_uses(project: Path, uri: str) -> None:
    """And nothing of it with a budget of none; `codefactory.showContext` shows the same before anything is sent."""
    (project / "limits.py").write_text("def limit_of(name):\n    return {'a': 1}[name]\n")
    text = "from limits import limit_of\n" + SOURCE.replace("yaml.Loader", "yaml.SafeLoader") + "\n\nlimit_of('a')\n"
    for tokens, sees in ((2000, True), (0, False)):
        with ScriptedServer([Reply(GOOD)]) as server:
            async with serving(project, settings=settings(server, context={"maxTokens": tokens})) as editor:
                editor.notify("codefactory/setSecret", {"name": "model.apiKey", "value": KEY})
                await until(editor, project, lambda graph: graph["state"] == "ready")
                editor.open(uri, text)
                await editor.diagnostics(uri, lambda d: "B301" in codes(d))
                shown = await editor.run("codefactory.showContext", uri)
                assert [file["path"] for file in shown["json"]["files"]] == ["limits.py"] * sees
                job = await editor.job((await editor.run((await by_model(editor, uri, "pickle.loads")).command))["job"])
                assert job["state"] == "done", job
                await editor.wait(lambda: "json.loads(data)" in editor.text(uri), lambda: editor.text(uri))
            assert ("def limit_of(name)" in server.requests[0].prompt) is sees
            assert ("File limits.py (whole;" in server.requests[0].prompt) is sees
