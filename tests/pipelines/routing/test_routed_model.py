"""A route as one model, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from scripted_server import Drop, Failure, Hang, Reply, ScriptedServer, Step

from codefactory.pipelines.budget import Budget, Spending
from codefactory.pipelines.completion import Completion, complete
from codefactory.pipelines.ledger import Account, LedgerStore, Limits
from codefactory.pipelines.ledger.report import summarise
from codefactory.pipelines.ledger.trials import read_records
from codefactory.pipelines.models import Message, ModelError, Price, Usage
from codefactory.pipelines.models.openai_compatible import OpenAICompatibleModel
from codefactory.pipelines.models.retries import Retries
from codefactory.pipelines.routing.endpoint import Endpoints
from codefactory.pipelines.routing.reply_cache import ReplyCache
from codefactory.pipelines.routing.routed_model import Candidate, RoutedModel
from codefactory.pipelines.settings import LimitSettings, RouteSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

ASK = (Message("user", "Say hello."),)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LedgerStore]:
    opened = LedgerStore(tmp_path / "ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[ReplyCache]:
    opened = ReplyCache(tmp_path / "replies.db", 10**6)
    yield opened
    opened.close()


class Route:
    """Models "x/m0", "x/m1", … each with a server of its own."""

    def __init__(self, servers: Sequence[ScriptedServer], **more: object) -> None:
        self.servers = servers
        self.options = more

    @property
    def asked(self) -> list[int]:
        return [len(server.requests) for server in self.servers]

    def model(self, store: LedgerStore | None = None, cache: ReplyCache | None = None, run: str = "r") -> RoutedModel:
        entries = [{"name": f"x{n}/m{n}"} for n in range(len(self.servers))]
        largest = self.options.get("max_input_tokens", [None] * len(entries))
        prices = self.options.get("prices", [None] * len(entries))
        settings = {k: v for k, v in self.options.items() if k in ("choose", "after_refusals", "seed")}
        limits = self.options.get("limits", ())
        endpoints = Endpoints()
        candidates = [
            Candidate(
                OpenAICompatibleModel(
                    entry["name"], base_url=server.url, timeout_s=5.0, price=price, retries=Retries(limit=0)
                ),
                endpoints.of(entry["name"], server.url, limits),  # pyright: ignore[reportArgumentType]
                most,
                cache=cache,
                address=server.url,
            )
            for entry, server, most, price in zip(entries, self.servers, largest, prices, strict=True)  # pyright: ignore[reportArgumentType]
        ]
        route = RouteSettings.model_validate({"models": entries, **settings})
        return RoutedModel("improve", route, candidates, run=run, store=store)


@contextmanager
def routed(*scripts: Sequence[Step], **more: object) -> Iterator[Route]:
    with ExitStack() as stack:
        yield Route([stack.enter_context(ScriptedServer(script)) for script in scripts], **more)


def wait_for_request(server: ScriptedServer) -> None:
    while not server.requests:
        time.sleep(0.005)


async def ask(model: RoutedModel, spending: Spending | None = None, **more: object) -> Completion:
    return await complete(model, ASK, spending or Spending(Budget()), role="improve", **more)  # pyright: ignore[reportArgumentType]


async def test_the_first_that_answers_answers() -> None:
    notices: list[str] = []
    spending = Spending(Budget())
    with routed([Failure(500, "down")], [Failure(401, "bad key")], [Reply("hello", usage=(7, 3))]) as route:
        done = await ask(route.model(), spending, notice=notices.append)
    assert (done.text, done.model, done.usage.input_tokens, done.usage.output_tokens) == ("hello", "x2/m2", 7, 3)
    assert route.asked == [1, 1, 1]
    assert [text.split(":")[0] for text in done.notes] == ["x0/m0", "x1/m1"]
    assert notices[0].endswith("Asking x1/m1.")
    assert [(e.model, e.outcome) for e in spending.ledger.entries] == [
        ("x0/m0", "failed"),
        ("x1/m1", "failed"),
        ("x2/m2", "completed"),
    ]


@pytest.mark.parametrize(
    "failure",
    [
        Failure(429, "slow down", retry_after_s=60),
        Failure(402, "pay"),
        Failure(404, "no such model"),
        Failure(400, "too long", code="context_length_exceeded"),
        Drop(),
        Reply("abcdefgh" * 20, cut_after_chunks=2),
    ],
    ids=lambda f: f"{type(f).__name__} {getattr(f, 'status', '')}",
)
async def test_what_another_model_is_asked_for(failure: Step) -> None:
    pieces: list[str] = []
    with routed([failure], [Reply("hello")]) as route:
        done = await ask(route.model(), report=pieces.append)
    assert (done.text, done.model) == ("hello", "x1/m1")
    assert "".join(pieces).endswith("hello")


async def test_when_nobody_answers_all_reasons_are_told() -> None:
    with routed([Failure(500, "one")], [Failure(401, "two")]) as route, pytest.raises(ModelError) as caught:
        await ask(route.model())
    text = str(caught.value)
    assert caught.value.category == "authentication"
    assert text.startswith("No model of the route for improve answered. x0/m0: the provider failed with status 500")
    assert "x1/m1: " in text
    assert text.endswith("See codefactory.model.routes.improve.")


async def test_one_model_fails_as_itself() -> None:
    with (
        routed([Failure(404, "gone")]) as route,
        pytest.raises(ModelError, match=r"^x0/m0: the provider does not know"),
    ):
        await ask(route.model())


async def test_too_dear_for_the_budget_is_too_dear_for_one_model_only() -> None:
    prices = [Price(1.0, 1.0), Price(1e-6, 1e-6)]
    with routed([Reply("dear")], [Reply("cheap", usage=(10, 10))], prices=prices) as route:
        done = await ask(route.model(), Spending(Budget(max_usd=0.5)))
    assert (done.text, route.asked) == ("cheap", [0, 1])
    assert "codefactory.budget.maxUsd" in done.notes[0]
    assert done.usage.cost_usd == pytest.approx(20e-6)


async def test_the_time_that_is_up_is_up_for_all() -> None:
    with routed([Hang()], [Reply("late")]) as route, pytest.raises(ModelError, match="maxSeconds"):
        await ask(route.model(), Spending(Budget(max_seconds=0.3)))
    assert route.asked == [1, 0]


async def test_the_size_of_the_request_decides_who_is_asked() -> None:
    with routed([Reply("small")], [Reply("large")], max_input_tokens=[20, 1000]) as route:
        assert (await ask(route.model())).text == "small"
        long = [Message("user", "x" * 330)]
        assert (await complete(route.model(), long, Spending(Budget()), role="improve")).text == "large"
        longer = [Message("user", "x" * 6600)]
        with pytest.raises(ModelError, match=r"2,009 tokens, more than x0/m0, x1/m1.*model\.routes\.improve") as e:
            await complete(route.model(), longer, Spending(Budget()), role="improve")
    assert e.value.category == "context-length"


async def test_after_refusals_in_a_row_another_model_is_asked(store: LedgerStore) -> None:
    with routed([Reply("a", times=None)], [Reply("b", times=None)], after_refusals=2) as route:
        model = route.model(store)
        said: list[str | None] = []
        for number, result in enumerate(["refused", "accepted", "refused", "unusable", "refused"], start=1):
            done = await ask(model, temperature=0.4)
            said.append(model.judged(done, result, number))  # pyright: ignore[reportArgumentType]
    assert [bool(s) for s in said] == [False, False, False, True, False]
    assert said[3] == "x0/m0 was refused 2 times in a row. Asking x1/m1 from now on."
    assert route.asked == [4, 1]
    records = {r.model: r for r in await store.do(lambda c: read_records(c, "improve"))}
    assert (records["x0/m0"].trials, records["x0/m0"].accepted, records["x0/m0"].unusable) == (4, 1, 1)
    assert (records["x0/m0"].rounds_until_accepted, records["x1/m1"].trials) == (2.0, 1)


async def test_a_model_that_repeats_itself_is_left_at_once() -> None:
    with routed([Reply("a", times=None)], [Reply("b", times=None)], after_refusals=5) as route:
        model = route.model()
        done = await ask(model)
        assert model.judged(done, "refused", 1, repeated=True) == "x0/m0 repeats itself. Asking x1/m1 from now on."
        assert model.name == "x1/m1"


async def test_by_record(store: LedgerStore) -> None:
    with routed([Reply("a", times=None)], [Reply("b", times=None)], choose="measured") as route:
        for _ in range(30):
            model = route.model(store)
            done = Completion("", Usage(1, 1, 0.1), model="x0/m0")
            model.judged(done, "refused", 1)
            model.judged(Completion("", Usage(1, 1, 0.1), model="x1/m1"), "accepted", 1)
        model = route.model(store, run="later")
        assert (await ask(model)).model == "x1/m1"
        assert "x1/m1: 30 of 30 accepted" in (await model.choice()).reason


async def test_a_rate_limit_sends_to_the_next_model_rather_than_wait() -> None:
    limits = [LimitSettings(endpoint="x0", requests_per_minute=1)]
    with routed([Reply("a", times=None)], [Reply("b", times=None)], limits=limits) as route:
        model = route.model()
        assert [(await ask(model)).text for _ in range(3)] == ["a", "b", "b"]


async def test_a_reply_that_is_kept_costs_nothing_and_is_said(store: LedgerStore, cache: ReplyCache) -> None:
    with routed([Reply("first"), Reply("second"), Reply("third"), Reply("fourth")]) as route:
        model = route.model(store, cache)
        account = Account(store, "/w", "r", Limits())
        spending = Spending(Budget(), account=account)
        first, again = await ask(model, spending), await ask(model, spending)
        assert (first.text, again.text, again.replayed, again.usage.cost_usd) == ("first", "first", True, 0.0)
        assert (await ask(model, temperature=0.5)).text == "second"  # leaves something to chance
        assert (await ask(model, temperature=0.5, seed=1)).text == "third"
        assert (await ask(model, temperature=0.5, seed=1)).text == "third"
        assert (await ask(model, schema={"type": "object"})).text == "fourth"
    assert route.asked == [4]
    assert [e.outcome for e in spending.ledger.entries] == ["completed", "cached"]
    (row,) = await store.do(lambda c: summarise(c, "run"))
    assert (row.calls, row.replayed) == (2, 1)


async def test_half_a_reply_is_not_kept(cache: ReplyCache) -> None:
    with routed([Reply("cut off", finish_reason="length"), Reply("whole")]) as route:
        assert (await ask(route.model(cache=cache))).truncated
        assert (await ask(route.model(cache=cache))).text == "whole"


async def test_cancelling_ends_the_request_and_asks_nobody_else() -> None:
    with routed([Hang()], [Reply("b")]) as route:
        asking = asyncio.ensure_future(ask(route.model()))
        await asyncio.to_thread(wait_for_request, route.servers[0])
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await asyncio.to_thread(route.servers[0].requests[0].ended.wait, 5)
    assert route.asked == [1, 0]


async def test_it_streams_as_any_model() -> None:
    with routed([Failure(503)], [Reply("hello world", chunk_chars=4)]) as route:
        model = route.model()
        pieces = [chunk.text async for chunk in model.complete(ASK, max_output_tokens=100)]
    assert [p for p in pieces if p] == ["hell", "o wo", "rld"]


async def test_a_stream_that_has_begun_fails_as_itself() -> None:
    with routed([Reply("abcdefgh" * 20, cut_after_chunks=2)], [Reply("b")]) as route:
        stream = route.model().complete(ASK, max_output_tokens=100)
        with pytest.raises(ModelError, match="x0/m0"):
            [chunk async for chunk in stream]
    assert route.asked == [1, 0]
