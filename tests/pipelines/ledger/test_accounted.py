"""The ledger against the server's own count, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from typing import TYPE_CHECKING

import pytest
from scripted_server import Failure, Hang, Reply, Request, ScriptedServer, Step

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.completion import complete
from codefactory.pipelines.ledger import Account, AccountedModel, LedgerStore, Limits
from codefactory.pipelines.ledger.report import Row, summarise
from codefactory.pipelines.models import Message, ModelError, Price
from codefactory.pipelines.models.openai_compatible import OpenAICompatibleModel
from codefactory.pipelines.models.retries import Retries

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SMALL = (Message("user", "x" * 30),)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    opened = LedgerStore(tmp_path / "ledger.db")
    yield opened
    opened.close()


async def rows(store: LedgerStore) -> tuple[Row, ...]:
    return await store.do(lambda c: summarise(c, "run"))


def wait_for_requests(server: ScriptedServer, count: int) -> None:
    while len(server.requests) < count:
        time.sleep(0.005)


def wait_until_ended(server: ScriptedServer) -> None:
    for request in list(server.requests):
        assert request.ended.wait(10)


async def test_a_model_that_enters_its_calls_itself(store: LedgerStore) -> None:
    account = Account(store, "/w", "r", Limits(usd_per_day=1.0))
    with ScriptedServer([Reply("hello", usage=(100, 100)), Reply("x" * 400, cut_after_chunks=1), Hang()]) as server:
        inner = OpenAICompatibleModel(
            "openai/x", base_url=server.url, price=Price(1e-4, 1e-3), retries=Retries(limit=0)
        )
        model = AccountedModel(inner, account, "code").for_run("r2")
        assert "".join([c.text async for c in model.complete(SMALL, max_output_tokens=200)]) == "hello"
        with pytest.raises(ModelError, match="broke off"):
            [c async for c in model.complete(SMALL, max_output_tokens=200)]
        stream = model.complete(SMALL, max_output_tokens=200)
        waiting = asyncio.ensure_future(anext(stream))
        await asyncio.to_thread(wait_for_requests, server, 3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        with pytest.raises(ModelError, match="maxUsdPerDay"):
            [c async for c in model.complete(SMALL, max_output_tokens=800)]
    (row,) = await rows(store)
    assert (row.key, row.calls, row.input_tokens, row.output_tokens, row.unknown_usage) == ("r2", 3, 100, 100, 2)
    assert (row.cost_usd, row.unknown_usage_usd) == (pytest.approx(0.11), pytest.approx(2 * (0.2 + 18e-4)))


async def test_the_ledger_agrees_with_the_server(store: LedgerStore) -> None:
    """Random replies, failures, streams cut midway and cancelled calls: no difference to the server's own count."""
    chance = random.Random(11)

    def script(_: Request) -> Step:
        kind = chance.random()
        if kind < 0.15:
            return Failure(chance.choice([429, 500, 503]))
        if kind < 0.2:
            return Hang()
        text = "".join(str(chance.random()) for _ in range(chance.randrange(1, 8)))
        return Reply(text, cut_after_chunks=1 if kind < 0.35 else None, usage="none" if kind > 0.9 else "counted")

    limit = asyncio.Semaphore(8)

    async def ask(model: OpenAICompatibleModel, one: Spending, number: int) -> None:
        async with limit:
            with contextlib.suppress(ModelError, TimeoutError):
                async with asyncio.timeout(0.6):
                    await complete(model, [Message("user", f"call {number}")], one, role="qa", max_output_tokens=500)

    one = Spending(Budget(max_tokens=10**9), account=Account(store, "/w", "r"))
    with ScriptedServer(script) as server:
        model = OpenAICompatibleModel("openai/x", base_url=server.url, retries=Retries(limit=1, jitter=lambda: 0.0))
        await asyncio.gather(*(ask(model, one, n) for n in range(200)))
        await asyncio.to_thread(wait_until_ended, server)
        (row,) = await rows(store)
        reported = server.reported
    totals = one.ledger.totals
    assert (row.calls, row.input_tokens, row.output_tokens) == (totals.calls, totals.input_tokens, totals.output_tokens)
    assert row.unknown_usage == totals.calls_of_unknown_usage > 20
    assert row.open == 0
    assert row.input_tokens <= reported[0]
    assert row.output_tokens <= reported[1]
    late = sum(r.reported is not None and r.disconnected for r in server.requests)
    assert late or (row.input_tokens, row.output_tokens) == reported
