"""One question within a budget, over real HTTP."""

from __future__ import annotations

import asyncio
import random

import pytest
from scripted_server import Failure, Reply, Request, ScriptedServer, Step

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.completion import complete
from codefactory.pipelines.models import LiteLLMModel, Message, ModelError, Usage

ASK = (Message("user", "Say hello."),)


async def no_sleep(_: float) -> None:
    return None


def model_at(server: ScriptedServer, name: str = "openai/scripted") -> LiteLLMModel:
    return LiteLLMModel(name, api_base=server.url, sleep=no_sleep)


async def test_gives_the_whole_reply_and_reports_its_pieces() -> None:
    pieces: list[str] = []
    spending = Spending(Budget())
    with ScriptedServer([Failure(500), Reply("hello world", chunk_chars=4, usage=(7, 3))]) as server:
        done = await complete(model_at(server), ASK, spending, role="improve", report=pieces.append)
    assert (done.text, done.usage, done.truncated) == ("hello world", Usage(7, 3), False)
    assert pieces == ["hell", "o wo", "rld"]
    assert spending.tokens == 10
    assert "price of openai/scripted is unknown" in spending.notes()[0]


async def test_a_known_price_is_reserved_and_settled() -> None:
    spending = Spending(Budget())
    with ScriptedServer([Reply("hello", usage=(1000, 100))]) as server:
        await complete(model_at(server, "openai/gpt-4o-mini"), ASK, spending, role="improve")
    assert spending.usd == pytest.approx(0.00021)
    assert spending.notes() == ()


async def test_nothing_is_sent_that_does_not_fit_into_the_budget() -> None:
    with ScriptedServer([Reply("never")]) as server:
        with pytest.raises(ModelError, match="maxTokens"):
            await complete(model_at(server), ASK, Spending(Budget(max_tokens=50)), role="improve")
        with pytest.raises(ModelError, match="maxUsd"):
            await complete(model_at(server, "openai/gpt-4o"), ASK, Spending(Budget(max_usd=0.00001)), role="improve")
    assert server.requests == []


async def test_time_ends_a_stream() -> None:
    spending = Spending(Budget(max_seconds=0.3))
    with ScriptedServer([Reply("abcdefgh" * 500, delay_s=0.02)]) as server:
        with pytest.raises(ModelError, match="maxSeconds") as caught:
            await complete(model_at(server), ASK, spending, role="improve")
        assert await asyncio.to_thread(server.requests[0].ended.wait, 2)
    assert caught.value.category == "budget"
    assert server.requests[0].disconnected
    assert [e.outcome for e in spending.ledger.entries] == ["cancelled"]


async def test_the_ledger_agrees_with_the_server() -> None:
    """Random replies, failures and streams cut midway, eight at a time: no difference to the server's own count."""
    chance = random.Random(7)

    def script(_: Request) -> Step:
        kind = chance.random()
        if kind < 0.15:
            return Failure(chance.choice([429, 500, 503]))
        text = "".join(str(chance.random()) for _ in range(chance.randrange(1, 8)))
        cut = 1 if kind < 0.3 else None
        return Reply(text, cut_after_chunks=cut, usage="none" if kind > 0.9 else "counted")

    spending = Spending(Budget(max_tokens=10**9, max_seconds=3600))
    limit = asyncio.Semaphore(8)

    async def ask(model: LiteLLMModel, number: int) -> None:
        async with limit:
            try:
                await complete(model, [Message("user", f"call {number}")], spending, role="qa", max_output_tokens=500)
            except ModelError as error:
                assert error.category in {"transient", "rate-limited"}  # noqa: PT017  # not the point of this test

    with ScriptedServer(script) as server:
        await asyncio.gather(*(ask(model_at(server), n) for n in range(200)))
    totals = spending.ledger.totals
    assert (totals.input_tokens, totals.output_tokens) == server.reported
    assert totals.calls == 200
    unknown = sum(r.status == 200 and r.reported is None for r in server.requests)
    assert totals.calls_of_unknown_usage == unknown
    assert unknown > 20
