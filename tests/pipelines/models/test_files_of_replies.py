"""`scripted/FILE` and `recorded/FILE`: models that are files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from model_calls import HELLO, ask, direct_at
from pydantic import SecretStr
from scripted_server import Failure, Reply, ScriptedServer

from codefactory.pipelines.models import Message, Model, ModelError, ToolCall, ToolSpec, Usage, connect
from codefactory.pipelines.models.cassette import RecordingModel
from codefactory.pipelines.models.configured import make_model
from codefactory.pipelines.models.source import models_of
from codefactory.pipelines.settings import ModelSettings, Settings

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "sk-proj-ABCDEFGHIJKLMNOPQRSTUV"


def script(folder: Path, *replies: Any) -> Model:
    file = folder / "replies.json"
    file.write_text(json.dumps(replies))
    return connect(f"scripted/{file}")


async def said(model: Model, *messages: Message, **options: Any) -> str:
    stream = model.complete(messages or HELLO, max_output_tokens=1000, **options)
    return "".join([chunk.text async for chunk in stream])


async def test_a_script_gives_the_first_reply_that_fits(tmp_path: Path) -> None:
    model = script(tmp_path, {"when": "weather", "text": "rain", "times": 1}, "hello " * 10)
    assert await said(model, Message("user", "the weather?")) == "rain"
    assert await said(model, Message("user", "the weather?")) == "hello " * 10
    assert (await ask(model))[-1].usage == Usage(6, 15, 0.0)


async def test_a_script_can_fail_call_and_be_cut(tmp_path: Path) -> None:
    model = script(
        tmp_path,
        {"when": "fail", "error": "no luck", "category": "rate-limited"},
        {"when": "call", "tool_calls": [{"name": "f", "arguments": {"a": 1}}], "usage": [5, 6]},
        "x" * 100,
    )
    with pytest.raises(ModelError, match="no luck") as caught:
        await said(model, Message("user", "fail"))
    assert caught.value.category == "rate-limited"
    (*_, last) = [c async for c in model.complete([Message("user", "call")], max_output_tokens=9)]
    assert (last.tool_calls, last.finish, last.usage) == (
        (ToolCall("call_0", "f", '{"a": 1}'),),
        "tool-calls",
        Usage(5, 6, 0.0),
    )
    (*pieces, last) = await ask(model, 2)
    assert ("".join(c.text for c in pieces), last.truncated) == ("x" * 8, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [("[{}, {}", "is no script"), ('[{"txt": "a"}]', "txt"), ("[]", "no reply left"), (None, "cannot be read")],
)
async def test_a_script_that_is_none_is_said(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "replies.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ModelError, match=words):
        await ask(connect(f"scripted/{file}"))
    with pytest.raises(ModelError, match="write scripted/FILE"):
        connect("scripted/")


async def test_what_is_recorded_is_replayed_without_a_server(tmp_path: Path) -> None:
    cassette = tmp_path / "folder" / "talk.jsonl"
    tools = [ToolSpec("f", "F.", {"type": "object"})]
    script = [Reply("one", chunk_chars=2, usage=(7, 3), cached_tokens=4), Reply("two", tool_calls=(("f", "{}"),))]
    with ScriptedServer([*script, Failure(401)]) as server:
        recording = RecordingModel(direct_at(server.url), cassette)
        live = [await ask(recording), await ask(recording, tools=tools, seed=3)]
        with pytest.raises(ModelError):
            await ask(recording)
    replayed = connect(f"recorded/{cassette}")
    again = [await ask(replayed, 55), await ask(replayed, tools=tools, seed=3)]
    assert [[c.text for c in chunks] for chunks in again] == [[c.text for c in chunks] for chunks in live]
    assert again[0][-1].usage == Usage(7, 3, 0.0, 4)
    assert again[1][-1].tool_calls == live[1][-1].tool_calls
    assert len(cassette.read_text().splitlines()) == 2
    assert cassette.stat().st_mode & 0o077 == 0


async def test_the_same_request_gets_its_replies_in_order(tmp_path: Path) -> None:
    cassette = tmp_path / "talk.jsonl"
    with ScriptedServer([Reply("one"), Reply("two")]) as server:
        recording = RecordingModel(direct_at(server.url), cassette)
        await said(recording)
        await said(recording)
    replayed = connect(f"recorded/{cassette}")
    assert [await said(replayed) for _ in range(3)] == ["one", "two", "two"]


async def test_a_request_that_was_not_recorded_is_refused_with_what_differs(tmp_path: Path) -> None:
    cassette = tmp_path / "talk.jsonl"
    with ScriptedServer([Reply("one", times=2)]) as server:
        recording = RecordingModel(direct_at(server.url), cassette)
        await said(recording, Message("user", "Say it\nin one line"), temperature=0.5)
        await said(recording, Message("user", "Something else altogether, and longer than that"))
    replayed = connect(f"recorded/{cassette}")
    with pytest.raises(ModelError) as caught:
        await said(replayed, Message("user", "Say it\nin two lines"), temperature=0.5)
    lines = str(caught.value).splitlines()
    assert "this request is not in" in lines[0]
    assert '-in one line",' in lines
    assert '+in two lines",' in lines
    assert "altogether" not in str(caught.value)


async def test_no_secret_is_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_TOKEN", "a-token-of-the-environment")
    cassette = tmp_path / "talk.jsonl"
    question = f'password = "hunter2!"\nkey: {SECRET}, a-token-of-the-environment'
    reply = f'Your key {SECRET} and "hunter2!"'
    with ScriptedServer([Reply(reply, chunk_chars=5)]) as server:
        recording = RecordingModel(direct_at(server.url), cassette)
        assert await said(recording, Message("user", question), Message("user", "hunter2! again")) == reply
    text = cassette.read_text()
    for secret in (SECRET, "a-token-of-the-environment", "sk-secret", "Bearer", "uthorization"):
        assert secret not in text
    assert "hunter2!" not in json.loads(text)["request"]["messages"][1]["content"]
    replayed = connect(f"recorded/{cassette}")
    assert "Your key" in await said(replayed, Message("user", question), Message("user", "hunter2! again"))


@pytest.mark.parametrize(("line", "words"), [("{}", ":1 is no recording"), ("nonsense", ":1 is no recording")])
async def test_a_cassette_that_is_none_is_said(tmp_path: Path, line: str, words: str) -> None:
    cassette = tmp_path / "talk.jsonl"
    cassette.write_text(f"{line}\n")
    with pytest.raises(ModelError, match=words):
        await ask(connect(f"recorded/{cassette}"))


async def test_a_setting_records(tmp_path: Path) -> None:
    cassette = tmp_path / "talk.jsonl"
    with ScriptedServer([Reply("one")]) as server:
        model = make_model(ModelSettings(name="openai/scripted", api_base=server.url, record=cassette))
        assert model is not None
        await ask(model)
    assert await said(connect(f"recorded/{cassette}")) == "one"


async def test_a_pipeline_cannot_name_a_file_of_replies(tmp_path: Path) -> None:
    own = f"scripted/{tmp_path / 'replies.json'}"
    source = models_of(Settings(model=ModelSettings(name=own)))
    assert (await source(None)).name == own
    assert (await source(own)).name == own
    for other in ("scripted/other.json", "recorded/other.jsonl"):
        with pytest.raises(ModelError, match="only your own settings"):
            await source(other)


async def test_another_providers_model_gets_nothing_that_is_set_for_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ScriptedServer([Reply("hello", times=None)]) as server:
        settings = Settings(
            model=ModelSettings(name="mine/a", api_base=server.url, api_key=SecretStr("sk-mine-123456789"))
        )
        source = models_of(settings)
        await ask(await source("mine/b"))
        with pytest.raises(ModelError, match="Set OPENAI_API_KEY"):
            await ask(await source("openai/gpt-4o"))
    assert [(r.body["model"], r.api_key) for r in server.requests] == [("mine/b", "sk-mine-123456789")]
    with pytest.raises(ModelError, match="no model is asked"):
        await models_of(Settings(model=ModelSettings(name="none")))(None)
