"""Retries, timeouts, error paths, breakers, budgets, slots, the cache."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from codefactory.pipelines.engine import (
    Budget,
    CachePolicy,
    Context,
    Engine,
    Graph,
    OnError,
    Retry,
    StepError,
    run,
)
from codefactory.pipelines.engine.breaker import Breaker, Breakers
from codefactory.pipelines.engine.cache import Cache
from codefactory.pipelines.engine.events import AttemptFailed
from codefactory.pipelines.engine.slots import Slots

FAST = Retry(attempts=3, base_s=0.001)


def failing(times: int, error: Exception) -> Any:
    left = [times]

    async def body() -> str:
        if left[0]:
            left[0] -= 1
            raise error
        return "done"

    return body


@pytest.mark.parametrize(
    ("times", "error", "status", "message"),
    [
        (2, StepError("busy", "transient"), "succeeded", "None"),
        (3, StepError("busy", "transient"), "failed", "step `a` failed after 3 attempts (transient): busy"),
        (1, ConnectionResetError("gone"), "succeeded", "None"),
        (1, TimeoutError("slow"), "succeeded", "None"),
        (1, StepError("slow down", "rate_limited", retry_after_s=0.01), "succeeded", "None"),
        (1, ValueError("bad"), "failed", "step `a` failed (fatal): ValueError: bad"),
        (1, StepError("odd", "invalid_output"), "failed", "step `a` failed (invalid_output): odd"),
    ],
)
async def test_only_what_may_pass_is_tried_again(times: int, error: Exception, status: str, message: str) -> None:
    result = await run(Graph().add_node("a", failing(times, error), retry=FAST).compile())
    assert (result.status, str(result.error)) == (status, message)


def test_the_delay_is_drawn_from_a_window_that_doubles_up_to_a_cap() -> None:
    retry, rng = Retry(attempts=9, base_s=1, cap_s=5), random.Random(1)
    drawn = [[retry.delay_s(attempt, None, rng) for _ in range(300)] for attempt in (1, 2, 3, 4, 5)]
    assert [max(d) <= ceiling for d, ceiling in zip(drawn, (1, 2, 4, 5, 5), strict=True)] == [True] * 5
    assert [max(d) > 0.9 * ceiling for d, ceiling in zip(drawn, (1, 2, 4, 5, 5), strict=True)] == [True] * 5
    assert min(drawn[4]) < 0.5
    assert retry.delay_s(1, 30.0) == 30.0


async def test_each_failed_attempt_is_an_event() -> None:
    seen: list[Any] = []
    await run(Graph().add_node("a", failing(2, ConnectionError("x")), retry=FAST).compile(), on_event=seen.append)
    assert [(e.attempt, e.category) for e in seen if isinstance(e, AttemptFailed)] == [
        (1, "transient"),
        (2, "transient"),
    ]


async def slow() -> str:
    await asyncio.sleep(5)
    return "late"


async def spare() -> str:
    return "spare"


@pytest.mark.parametrize(
    ("options", "output"),
    [
        ({"on_error": OnError(default="less")}, "less"),
        ({"on_error": OnError(default=None)}, None),
        ({"on_error": OnError(fallback="spare")}, "spare"),
    ],
)
async def test_an_error_path_takes_the_place_of_the_output(options: Any, output: Any) -> None:
    graph = Graph().add_node("a", slow, timeout_s=0.01, **options)
    if "spare" in str(options):
        graph.add_node("spare", spare)
    result = await run(graph.add_node("b", lambda a: [a], inline=True).compile())
    assert result.outputs == {"b": [output]}


async def test_a_timeout_says_what_took_too_long() -> None:
    result = await run(Graph().add_node("a", slow, timeout_s=0.01).compile())
    assert str(result.error) == "step `a` failed (timeout): it did not end within 0.01 s"


def test_a_breaker_opens_after_failures_and_lets_one_call_try() -> None:
    now = [0.0]
    breaker = Breaker("api", threshold=2, open_s=10, clock=lambda: now[0])
    breaker.failed("fatal")
    breaker.failed("transient")
    breaker.admit()
    breaker.failed("timeout")
    assert breaker.state == "open"
    with pytest.raises(StepError, match="`api` failed 2 times in a row and is left alone for 10 s"):
        breaker.admit()
    now[0] = 10.0
    breaker.admit()
    with pytest.raises(StepError):
        breaker.admit()
    breaker.failed("transient")
    assert breaker.state == "open"
    now[0] = 20.0
    breaker.admit()
    breaker.succeeded()
    assert breaker.state == "closed"


async def test_steps_share_the_breaker_of_their_resource() -> None:
    calls: list[int] = []

    async def body() -> None:
        calls.append(1)
        raise ConnectionError("down")

    engine = Engine(breakers=Breakers(threshold=2, open_s=60))
    plan = Graph().add_node("a", body, resource="api").compile()
    results = [await engine.run(plan) for _ in range(4)]
    assert len(calls) == 2
    assert "is left alone" in str(results[-1].error)


async def spend(ctx: Context) -> None:
    with ctx.reserve(tokens=40, calls=1) as reservation:
        await asyncio.sleep(0)
        reservation.settle(tokens=10, calls=1)


@pytest.mark.parametrize(
    ("budget", "status", "message"),
    [
        (Budget(tokens=120), "succeeded", "None"),
        (Budget(tokens=119), "stopped", "budget of 119 tokens does not allow 120"),
        (Budget(calls=2), "stopped", "budget of 2 calls does not allow 3"),
        (Budget(wall_s=60, memory_mb=1), "stopped", "MB of memory"),
    ],
)
async def test_what_might_be_spent_is_reserved_before(budget: Budget, status: str, message: str) -> None:
    graph = Graph()
    for name in "abc":
        graph.add_node(name, spend)
    result = await run(graph.compile(budget=budget))
    assert result.status == status
    assert message in str(result.error)
    if status == "succeeded":
        assert result.spent["tokens"] == 30


async def test_a_run_ends_when_its_time_is_over() -> None:
    result = await run(Graph().add_node("a", slow).compile(budget=Budget(wall_s=0.02)))
    assert (result.status, result.duration_s < 1) == ("stopped", True)
    assert "budget of 0.02 seconds" in str(result.error)


async def test_no_more_steps_run_at_once_than_there_are_slots() -> None:
    under_way, most = [0], [0]

    async def body() -> None:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        await asyncio.sleep(0.001)
        under_way[0] -= 1

    graph = Graph()
    for number in range(20):
        graph.add_node(f"s{number}", body)
    engine = Engine(concurrency=5)
    await asyncio.gather(*(engine.run(graph.compile(concurrency=limit)) for limit in (3, 3, None)))
    assert most == [5]


class Claim:
    def __init__(self, name: str, priority: int = 0) -> None:
        self.name, self.priority, self.served = name, priority, 0


async def test_slots_go_by_priority_and_then_to_who_had_fewest() -> None:
    slots, order = Slots(1), []
    greedy, late, urgent = Claim("greedy"), Claim("late"), Claim("urgent", priority=1)

    async def take(claim: Claim) -> None:
        async with slots.held(claim):
            order.append(claim.name)
            await asyncio.sleep(0)

    await asyncio.gather(*(take(c) for c in (greedy, greedy, greedy, late, late, urgent)))
    assert order == ["greedy", "urgent", "late", "greedy", "late", "greedy"]


async def test_a_cancelled_waiter_does_not_keep_its_slot() -> None:
    slots = Slots(1)
    async with slots.held(Claim("a")):
        waiting = asyncio.ensure_future(slots._acquire(Claim("b")))
        await asyncio.sleep(0)
        waiting.cancel()
    async with slots.held(Claim("c")):
        assert slots.free == 0
    assert slots.free == 1


async def test_a_cached_step_runs_once_for_equal_inputs(tmp_path: Any) -> None:
    calls: list[int] = []
    watched = tmp_path / "data"
    watched.write_text("1")

    async def body(x: int) -> int:
        calls.append(x)
        return x

    engine = Engine()
    plan = Graph("p").add_node("a", body, cache=CachePolicy(depends_on=(str(watched),))).compile()
    for x in (1, 1, 2, 1):
        assert (await engine.run(plan, {"x": x})).output == x
    assert calls == [1, 2]
    watched.write_text("2")
    await engine.run(plan, {"x": 1})
    assert calls == [1, 2, 1]
    engine.cache.invalidate(pipeline="p")
    await engine.run(plan, {"x": 1})
    assert calls == [1, 2, 1, 1]


async def test_one_of_many_computes_and_its_failure_is_its_own() -> None:
    cache, calls = Cache(), []

    async def compute() -> str:
        calls.append(1)
        await asyncio.sleep(0.001)
        if len(calls) == 1:
            raise ValueError("first")
        return "v"

    asked = [cache.get_or_compute("k", compute, None, "p", "s") for _ in range(5)]
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert [r for r in results if isinstance(r, tuple)] == [("v", False), *[("v", True)] * 3]
    assert len(calls) == 2


async def test_the_cache_keeps_to_its_size_and_time() -> None:
    cache = Cache(max_bytes=25)

    async def value() -> str:
        return "x" * 8

    for key in "abc":
        await cache.get_or_compute(key, value, None, "p", "s")
    assert len(cache) == 2
    assert (await cache.get_or_compute("c", value, None, "p", "s"))[1]
    assert not (await cache.get_or_compute("a", value, -1, "p", "s"))[1]
    assert not (await cache.get_or_compute("a", value, None, "p", "s"))[1]
