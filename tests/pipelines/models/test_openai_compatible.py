"""What the direct way has of its own: dialects of the protocol, proxies, certificates, keys, event streams."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from model_calls import HELLO, KEY, ask, direct_at, failure
from scripted_server import Drop, Failure, Garbage, Reply, Request, ScriptedServer, Step

from codefactory.pipelines.models import (
    Chunk,
    Image,
    Message,
    ModelError,
    OpenAICompatibleModel,
    Price,
    ToolCall,
    ToolSpec,
    Usage,
    connect,
)
from codefactory.pipelines.models.openai_wire import ReplyReader, is_strict, message_to_json
from codefactory.pipelines.models.sse import EventDecoder

if TYPE_CHECKING:
    from pathlib import Path

CLOSED = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
WEATHER = ToolSpec("weather", "The weather at a place.", {"type": "object", "properties": {"place": {}}})


def events(*data: object) -> Garbage:
    """An answer of exactly these events."""
    text = "".join(f"data: {d if isinstance(d, str) else json.dumps(d)}\n\n" for d in data)
    return Garbage(text, "text/event-stream")


def delta(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


async def test_sends_what_it_is_given() -> None:
    with ScriptedServer([Reply("hello")]) as server:
        await ask(direct_at(server.url), stop=["END"], tools=[WEATHER], schema=CLOSED, seed=7, temperature=0.5)
    body = server.requests[0].body
    assert body["tools"] == [
        {
            "type": "function",
            "function": {"name": "weather", "description": WEATHER.description, "parameters": dict(WEATHER.parameters)},
        }
    ]
    assert body["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "reply", "schema": CLOSED, "strict": True},
    }
    assert (body["seed"], body["stop"], body["temperature"]) == (7, ["END"], 0.5)
    assert body["stream_options"] == {"include_usage": True}


async def test_what_is_not_asked_for_is_not_sent() -> None:
    with ScriptedServer([Reply("hello")]) as server:
        await ask(direct_at(server.url))
    assert {"tools", "response_format", "seed", "stop"} & server.requests[0].body.keys() == set()


async def test_tool_calls_come_whole_with_the_end() -> None:
    calls = (("weather", '{"place": "Köln"}'), ("weather", "{}"))
    with ScriptedServer([Reply("Let me see.", tool_calls=calls)]) as server:
        chunks = await ask(direct_at(server.url), tools=[WEATHER])
    assert "".join(c.text for c in chunks) == "Let me see."
    assert chunks[-1].finish == "tool-calls"
    assert chunks[-1].tool_calls == (
        ToolCall("call_0", "weather", '{"place": "Köln"}'),
        ToolCall("call_1", "weather", "{}"),
    )


@pytest.mark.parametrize(
    "pieces",
    [
        [{"id": "a", "function": {"name": "f", "arguments": "{}"}}, {"id": "b", "function": {"name": "g"}}],
        [
            {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
            {"index": 0, "id": "b", "function": {"name": "g", "arguments": {}}},
        ],
    ],
    ids=["without-numbers", "all-numbered-0"],
)
def test_tool_calls_of_careless_servers(pieces: list[dict[str, Any]]) -> None:
    reader = ReplyReader()
    for piece in pieces:
        reader.read({"choices": [{"delta": {"tool_calls": [piece]}}]})
    assert reader.last().tool_calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))


def test_a_conversation_with_pictures_and_tools_as_json() -> None:
    call = ToolCall("1", "f", "{}")
    picture = message_to_json(Message("user", "What is it?", images=(Image("image/png", b"\x89PNG"),)))
    assert picture["content"] == [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
    ]
    assert message_to_json(Message("assistant", "", tool_calls=(call,)))["tool_calls"] == [
        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    result = message_to_json(Message("tool", "42", tool_call_id="1"))
    assert result == {"role": "tool", "content": "42", "tool_call_id": "1"}


async def test_cached_tokens_are_reported_and_priced() -> None:
    price = Price(1e-6, 2e-6, 5e-7)
    with ScriptedServer([Reply("hello", usage=(1000, 10), cached_tokens=600)]) as server:
        usage = (await ask(direct_at(server.url, price=price)))[-1].usage
    assert usage == Usage(1000, 10, pytest.approx(400e-6 + 300e-6 + 20e-6), 600)


@pytest.mark.parametrize(
    ("refusal", "parameter"),
    [
        ("Unknown parameter: 'stream_options'.", "stream_options"),
        ("response_format of type json_schema is not supported by this model", "response_format"),
        ("Extra inputs are not permitted: seed", "seed"),
        ("Unsupported value: 'temperature' does not support 0.5 with this model.", "temperature"),
    ],
)
async def test_what_a_server_does_not_know_is_left_out_from_then_on(refusal: str, parameter: str) -> None:
    def answer(request: Request) -> Step:
        return Failure(400, refusal) if parameter in request.body else Reply("hello")

    schema = {"type": "object"}
    with ScriptedServer(answer) as server:
        model = direct_at(server.url)
        for _ in range(2):
            chunks = await ask(model, schema=schema, seed=1, temperature=0.5)
            assert "".join(c.text for c in chunks) == "hello"
            assert chunks[-1].usage is not None
            assert chunks[-1].usage.unreported == 0
    assert [r.status for r in server.requests] == [400, 200, 200]


async def test_newer_models_are_told_their_limit_by_its_newer_name() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    with ScriptedServer([Failure(400, words, "unsupported_parameter"), Reply("hello")]) as server:
        await ask(direct_at(server.url), 33)
    assert server.requests[1].body["max_completion_tokens"] == 33
    assert "max_tokens" not in server.requests[1].body


async def test_a_limit_that_is_too_high_is_no_dialect() -> None:
    error = await failure(direct_at, Failure(400, "max_tokens is too large: 100. This model supports at most 50."))
    assert (error.category, error.unreported) == ("fatal", 0)


async def test_a_server_that_does_not_stream_is_understood() -> None:
    whole = {
        "choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    with ScriptedServer([Garbage(json.dumps(whole), "application/json")]) as server:
        assert await ask(direct_at(server.url)) == [Chunk("hello"), Chunk("", Usage(3, 1), "length")]


async def test_an_error_within_a_stream_is_said() -> None:
    error = await failure(direct_at, events(delta("hel"), {"error": {"message": "the GPU is gone", "code": 500}}))
    assert error.category == "transient"
    assert "the GPU is gone" in str(error)
    assert error.unreported == 1


async def test_a_stream_that_just_ends_was_cut() -> None:
    error = await failure(direct_at, events(delta("hel")))
    assert "usage is unknown" in str(error)
    with ScriptedServer([events(delta("hel"), delta("lo", "stop"))]) as server:
        assert (await ask(direct_at(server.url)))[-1] == Chunk("", Usage(), "stop")


async def test_comments_do_not_pass_for_words() -> None:
    """A server that only says it is still there is as silent as one that says nothing."""

    async def chatter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        try:
            while True:
                writer.write(b": still here\n\n")
                await writer.drain()
                await asyncio.sleep(0.02)
        except OSError:
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(chatter, "127.0.0.1", 0)
    async with listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(ModelError, match=r"no answer within 0\.3 s") as caught:
            await ask(direct_at(url, timeout_s=0.3, max_retries=0))
    assert caught.value.unreported == 1


async def test_failed_tries_that_may_have_been_billed_are_counted() -> None:
    with ScriptedServer([Drop(), Failure(500), Drop(), Reply("hello", usage=(5, 2))]) as server:
        assert (await ask(direct_at(server.url)))[-1].usage == Usage(5, 2, unreported=2)
    error = await failure(direct_at, Drop(), Failure(401))
    assert (error.category, error.unreported) == ("authentication", 1)


async def test_without_a_key_none_is_sent_and_the_environments_stays_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-environment")
    with ScriptedServer([Reply("hello")]) as server:
        await ask(connect("openai/scripted", api_base=server.url))
    assert server.requests[0].api_key is None


async def test_openai_without_a_key_says_where_to_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match=r"Set OPENAI_API_KEY, or codefactory\.model\.apiKey") as caught:
        await ask(connect("openai/gpt-4o-mini"))
    assert (caught.value.category, caught.value.unreported) == ("authentication", 0)


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("openai/gpt-4o", "gpt-4o"),
        ("mistralai/Mistral-7B", "mistralai/Mistral-7B"),
        ("hosted_vllm/Qwen/Qwen2.5", "Qwen/Qwen2.5"),
        ("wondermodel", "wondermodel"),
    ],
)
async def test_a_server_is_asked_for_the_model_by_its_own_name(name: str, sent: str) -> None:
    with ScriptedServer([Reply("hello")]) as server:
        model = connect(name, api_base=server.url)
        await ask(model)
    assert (model.name, server.requests[0].body["model"]) == (name, sent)


async def test_the_way_leads_through_the_proxy_that_is_set() -> None:
    with ScriptedServer([Reply("by proxy")]) as proxy:
        address = proxy.url.removesuffix("/v1")
        model = OpenAICompatibleModel("openai/x", base_url="http://models.example/v1", api_key=KEY, proxy=address)
        assert (await ask(model))[0].text == "by proxy"
    assert proxy.requests[0].path == "http://models.example/v1/chat/completions"


async def test_the_environments_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        with ScriptedServer([Reply("hello")]) as server:
            assert (await ask(direct_at(server.url)))[0].text == "hello"


async def test_wrong_settings_are_named(tmp_path: Path) -> None:
    bundle = tmp_path / "none.pem"
    bundle.write_text("nothing")
    cases: list[tuple[dict[str, Any], str]] = [
        ({"base_url": "https://models.example/v1", "ca_bundle": bundle}, "caBundle"),
        ({"base_url": "http://models.example/v1", "proxy": "nonsense://:x"}, r"codefactory\.model\.proxy"),
        ({"base_url": "models.example/v1"}, "http://"),
        ({"base_url": "http://127.0.0.1:1/v1", "api_key": "sk-with\na-line"}, "line break"),
    ]
    for options, words in cases:
        with pytest.raises(ModelError, match=words):
            await ask(OpenAICompatibleModel("openai/x", **options))


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 308 Moved\r\nLocation: http://elsewhere.example/v1\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(moved, "127.0.0.1", 0)
    async with listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
        with pytest.raises(ModelError, match=r"moved to http://elsewhere\.example/v1"):
            await ask(direct_at(url))


async def test_connections_are_used_again() -> None:
    accepted = 0

    def count(request: Request) -> Step:
        nonlocal accepted
        accepted += 1
        return Reply("hello")

    with ScriptedServer(count) as server:
        model = direct_at(server.url)
        for _ in range(5):
            await ask(model)
        assert accepted == 5
        assert server.connections == 1


@given(
    st.lists(st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1)),
    st.data(),
)
def test_events_are_the_same_however_they_arrive(texts: list[str], data: st.DataObject) -> None:
    ends = st.sampled_from(["\n", "\r\n", "\r"])
    stream = ""
    for text in texts:
        end = data.draw(ends)
        stream += f": comment{end}event: x{end}data: {text}{end}{end}"
    raw = stream.encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=20)))
    decoder = EventDecoder()
    found = [e for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True) for e in decoder.feed(raw[a:b])]
    assert [e.decode() for e in found] == texts


def test_an_event_of_several_lines_is_one() -> None:
    assert EventDecoder().feed(b"data: {\ndata:}\n\n") == [b"{\n}"]


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        ({"type": "object"}, False),
        ({**CLOSED, "required": []}, False),
        ({"type": "array", "items": CLOSED}, True),
        ({"type": "array", "items": {"type": "object", "properties": {}}}, False),
    ],
)
def test_only_a_closed_schema_is_strict(schema: dict[str, Any], strict: bool) -> None:
    assert is_strict(schema) is strict


PROGRAM = """
import asyncio, logging, sys
logging.basicConfig(level=logging.DEBUG)
import codefactory.pipelines.models as models
assert "httpx" not in sys.modules, "imported too early"
async def main():
    model = models.connect("openai/scripted", api_base=sys.argv[1], api_key="sk-secret-0123456789")
    async for chunk in model.complete([models.Message("user", "the prompt")], max_output_tokens=9):
        print(chunk.text, end="")
for _ in range(3):
    asyncio.run(main())
print("litellm" in sys.modules)
"""


def test_three_loops_one_after_another_and_nothing_in_the_log() -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    with ScriptedServer([Reply("one "), Reply("two "), Reply("three ")]) as server:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, server.url],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == "one two three False\n", done.stderr
    for word in ("secret", "the prompt", "Unclosed", "Error"):
        assert word not in done.stderr


async def test_a_conversation_goes_on_where_it_was() -> None:
    """A model keeps nothing between calls."""
    with ScriptedServer([Reply("one"), Reply("two")]) as server:
        model = direct_at(server.url)
        await ask(model)
        await ask(model)
    assert server.requests[0].messages == server.requests[1].messages == [message_to_json(m) for m in HELLO]
