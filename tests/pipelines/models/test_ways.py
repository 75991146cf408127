"""Asking a model over real HTTP, by each of the ways there are: they must not differ."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from model_calls import HELLO, KEY, WAYS, Pauses, ask, failure
from scripted_server import Drop, Failure, Garbage, Hang, Reply, ScriptedServer, Step

from codefactory.pipelines.models import Chunk, Message, ModelError, Usage

if TYPE_CHECKING:
    from model_calls import MakeModel


@pytest.fixture(params=list(WAYS))
def model_at(request: pytest.FixtureRequest) -> MakeModel:
    return WAYS[request.param]


async def test_streams_the_reply_and_then_the_usage_the_provider_reports(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("héllo 🐍 " * 20, chunk_chars=7)]) as server:
        chunks = await ask(model_at(server.url), temperature=0.5, stop=["END"], max_output_tokens=77)
    assert "".join(c.text for c in chunks) == "héllo 🐍 " * 20
    assert len(chunks) > 10
    (request,) = server.requests
    assert chunks[-1] == Chunk("", Usage(*server.reported), "stop")
    assert [c.usage for c in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert request.api_key == KEY
    assert request.messages == [{"role": m.role, "content": m.content} for m in HELLO]
    sent = {name: request.body[name] for name in ("model", "max_tokens", "temperature", "stop")}
    assert sent == {"model": "scripted", "max_tokens": 77, "temperature": 0.5, "stop": ["END"]}


async def test_usage_that_the_provider_does_not_report_is_unknown(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("hello", usage="none")]) as server:
        chunks = await ask(model_at(server.url))
    assert chunks == [Chunk("hello"), Chunk("", Usage(), "stop")]


async def test_a_reply_cut_by_the_limit_says_so(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("hello", finish_reason="length")]) as server:
        assert (await ask(model_at(server.url)))[-1].truncated


async def test_an_empty_reply_is_a_reply(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("", usage=(9, 0))]) as server:
        assert await ask(model_at(server.url)) == [Chunk("", Usage(9, 0), "stop")]


@pytest.mark.parametrize(
    ("step", "pause_s"),
    [
        (Failure(429), 0.5),
        (Failure(429, retry_after_s=7), 7.0),
        (Failure(500), 0.5),
        (Failure(503), 0.5),
        (Failure(503, retry_after_s=3), 3.0),
        (Drop(), 0.5),
        (Hang(), 0.5),
    ],
    ids=str,
)
async def test_tries_again_what_may_pass(model_at: MakeModel, step: Step, pause_s: float) -> None:
    pauses = Pauses()
    with ScriptedServer([step, Reply("hello")]) as server:
        chunks = await ask(model_at(server.url, pauses, timeout_s=0.5))
    assert "".join(c.text for c in chunks) == "hello"
    assert pauses.asked == [pause_s]
    assert len(server.requests) == 2


async def test_backs_off_exponentially_and_gives_up(model_at: MakeModel) -> None:
    pauses = Pauses()
    with ScriptedServer([Failure(500, times=None)]) as server, pytest.raises(ModelError) as caught:
        await ask(model_at(server.url, pauses, max_retries=4))
    assert pauses.asked == [0.5, 1.0, 2.0, 4.0]
    assert len(server.requests) == 5
    assert caught.value.category == "transient"


async def test_does_not_wait_longer_than_is_sensible(model_at: MakeModel) -> None:
    error = await failure(model_at, Failure(429, retry_after_s=3600))
    assert (error.category, error.retry_after_s) == ("rate-limited", 3600)
    assert "3600 s" in str(error)


@pytest.mark.parametrize(
    ("step", "category", "words"),
    [
        (Failure(401, "Incorrect API key provided"), "authentication", ["OPENAI_API_KEY", "codefactory.model.apiKey"]),
        (Failure(403), "authentication", ["codefactory.model.apiKey"]),
        (Failure(402), "fatal", ["no credit"]),
        (Failure(429, "You exceeded your current quota", "insufficient_quota"), "fatal", ["no credit"]),
        (Failure(400, "This model's maximum context length is 8192 tokens"), "context-length", ["larger context"]),
        (Failure(400, "the request exceeds the available context size"), "context-length", ["larger context"]),
        (Failure(413), "context-length", ["larger context"]),
        (Failure(404, "model not found"), "fatal", ["codefactory.model.name", "model not found"]),
        (Failure(400, "no such parameter"), "fatal", ["no such parameter"]),
        (Failure(422), "fatal", ["refused the request"]),
        (Garbage(), "invalid", ["codefactory.model.apiBase", "no completion"]),
        (Garbage("{}", "application/json"), "invalid", ["codefactory.model.apiBase"]),
    ],
    ids=str,
)
async def test_says_what_is_wrong_and_what_to_do(
    model_at: MakeModel, step: Step, category: str, words: list[str]
) -> None:
    error = await failure(model_at, step)
    assert error.category == category
    assert str(error).startswith("openai/scripted: ")
    assert [w for w in words if w not in str(error)] == []


@pytest.mark.parametrize(
    "step",
    [
        Reply("hello " * 20, cut_after_chunks=2),
        Reply("hello " * 20, hang_after_chunks=2),
        Reply("hello " * 20, garbage_after_chunks=2),
    ],
    ids=["cut", "silent", "garbage"],
)
async def test_a_stream_that_breaks_off_is_not_tried_again(model_at: MakeModel, step: Step) -> None:
    seen: list[Chunk] = []

    async def collect() -> None:
        async for chunk in model_at(server.url, timeout_s=0.5).complete(HELLO, max_output_tokens=100):
            seen.append(chunk)

    with ScriptedServer([step, Reply("never asked for")]) as server, pytest.raises(ModelError) as caught:
        await collect()
    assert caught.value.category == "transient"
    assert "usage is unknown" in str(caught.value)
    assert "".join(c.text for c in seen) == ("hello " * 20)[:32]
    assert len(server.requests) == 1


async def test_closing_the_generator_closes_the_connection(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("hello " * 1000, delay_s=0.01)]) as server:
        async with aclosing(model_at(server.url).complete(HELLO, max_output_tokens=9999)) as chunks:
            await anext(chunks)
        (request,) = server.requests
        assert await asyncio.to_thread(request.ended.wait, 2)
    assert request.disconnected
    assert request.chunks_sent < 20


@pytest.mark.parametrize(
    "step", [Hang(), Reply("hello " * 99, hang_after_chunks=1), Reply("hello " * 1000, delay_s=0.01)], ids=str
)
async def test_cancelling_the_task_closes_the_connection(model_at: MakeModel, step: Step) -> None:
    with ScriptedServer([step]) as server:
        task = asyncio.create_task(ask(model_at(server.url, timeout_s=60), 9999))
        while not server.requests:  # noqa: ASYNC110  # it comes from another thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        started = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - started < 0.2
        (request,) = server.requests
        assert await asyncio.to_thread(request.ended.wait, 2)
    assert request.disconnected


async def test_many_streams_at_once_do_not_mix(model_at: MakeModel) -> None:
    def echo(request: object) -> Step:
        return Reply(request.prompt.rpartition(" ")[2] * 50, chunk_chars=9, delay_s=0.001)

    async def number(number: int) -> str:
        messages = [Message("user", f"number {number}")]
        return "".join([c.text async for c in model.complete(messages, max_output_tokens=500)])

    with ScriptedServer(echo) as server:
        model = model_at(server.url)
        replies = await asyncio.gather(*(number(n) for n in range(100, 140)))
    assert replies == [str(n) * 50 for n in range(100, 140)]


async def test_no_key_leaves_in_a_message_or_a_repr(model_at: MakeModel) -> None:
    header = "super-secret-header"
    said = f"Incorrect API key provided: {KEY}, header {header}, Bearer abcdefghijklmnop, sk-proj-ABCDEFGHIJKLMNOPQ."
    with ScriptedServer([Failure(401, said), Failure(400, said), Failure(500, said)]) as server:
        model = model_at(server.url, max_retries=0, headers={"x-org": header})
        for _ in range(3):
            with pytest.raises(ModelError) as caught:
                await ask(model)
            shown = f"{caught.value} {caught.value!r} {model!r} {caught.value.__cause__} {caught.value.__context__}"
            for secret in (KEY, header, "abcdefghijklmnop", "ABCDEFGHIJKLMNOPQ"):
                assert secret not in shown
    assert server.requests[0].headers["x-org"] == header


async def test_a_reply_without_end_is_stopped(model_at: MakeModel) -> None:
    with ScriptedServer([Reply("".join(map(str, range(20_000))), chunk_chars=100)]) as server:
        with pytest.raises(ModelError, match="beyond its limit of 10 tokens") as caught:
            await ask(model_at(server.url), max_output_tokens=10)
        assert server.requests[0].ended.wait(5)
    assert caught.value.category == "invalid"


async def test_a_server_that_is_not_there_is_said(model_at: MakeModel) -> None:
    with ScriptedServer([]) as server:
        gone = server.url
    with pytest.raises(ModelError, match=r"codefactory\.model\.apiBase") as caught:
        await ask(model_at(gone, max_retries=0))
    assert caught.value.category == "transient"
