"""Breakers and rate limits around calls."""

from __future__ import annotations

import asyncio

import pytest

from codefactory.pipelines.models import ModelError
from codefactory.pipelines.routing.endpoint import Endpoint, Endpoints
from codefactory.pipelines.settings import LimitSettings


class Time:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, delay: float, /) -> None:
        self.slept.append(delay)
        self.now_s += delay


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def endpoints(time: Time) -> Endpoints:
    return Endpoints(time, time.sleep)


async def call(endpoint: Endpoint, error: Exception | None = None, tokens: int = 10, **more: object) -> None:
    async with endpoint.call(tokens, patience_s=60, **more):  # pyright: ignore[reportArgumentType]
        if error:
            raise error


async def test_after_failures_in_a_row_it_is_left_alone_then_tried_once(endpoints: Endpoints, time: Time) -> None:
    endpoint = endpoints.of("openai/a", None, ())
    for _ in range(5):
        with pytest.raises(ModelError, match="down"):
            await call(endpoint, ModelError("transient", "down"))
    with pytest.raises(ModelError, match="`openai` failed 5 times in a row and is left alone for 30 s") as caught:
        await call(endpoints.of("openai/b", None, ()))
    assert caught.value.category == "transient"
    await call(endpoints.of("openai/a", "http://127.0.0.1:1/v1", ()))  # another endpoint
    time.now_s += 31
    await call(endpoint)
    await call(endpoint)


async def test_a_wrong_request_says_nothing_about_the_endpoint(endpoints: Endpoints) -> None:
    endpoint = endpoints.of("openai/a", None, ())
    for category in ("authentication", "context-length", "fatal", "invalid", "budget"):
        for _ in range(5):
            with pytest.raises(ModelError):
                await call(endpoint, ModelError(category, "no"))  # pyright: ignore[reportArgumentType]
    await call(endpoint)


async def test_a_cancelled_probe_lets_the_next_one_through(endpoints: Endpoints, time: Time) -> None:
    endpoint = endpoints.of("openai/a", None, ())
    for _ in range(5):
        with pytest.raises(ModelError):
            await call(endpoint, ModelError("timeout", "slow"))
    time.now_s += 31
    with pytest.raises(asyncio.CancelledError):
        await call(endpoint, asyncio.CancelledError())  # pyright: ignore[reportArgumentType]
    await call(endpoint)


async def test_the_wait_for_a_limit_is_shown(endpoints: Endpoints, time: Time) -> None:
    limits = [LimitSettings(endpoint="openai", requests_per_minute=6)]
    said: list[str] = []
    await call(endpoints.of("openai/a", None, limits), notice=said.append)
    await call(endpoints.of("openai/b", None, limits), notice=said.append)
    assert time.slept == [10.0]
    assert said == ["Waiting 10 s for the limit of 6 requests a minute for openai (codefactory.model.limits)"]
    await call(endpoints.of("anthropic/c", None, limits), notice=said.append)
    assert len(said) == 1


async def test_a_wait_that_is_too_long_is_an_error(endpoints: Endpoints, time: Time) -> None:
    endpoint = endpoints.of("openai/a", None, [LimitSettings(endpoint="openai/a", tokens_per_minute=600)])
    await call(endpoint, tokens=900)
    with pytest.raises(
        ModelError, match=r"limit of 600 tokens a minute for openai/a .*codefactory\.model\.limits"
    ) as e:
        async with endpoint.call(100, patience_s=5):
            pass
    assert e.value.category == "rate-limited"
    assert time.slept == []


async def test_the_limit_is_charged_what_was_used(endpoints: Endpoints, time: Time) -> None:
    endpoint = endpoints.of("openai/a", None, [LimitSettings(endpoint="openai", tokens_per_minute=600)])
    async with endpoint.call(100, patience_s=0) as used:
        used.tokens = 10
    async with endpoint.call(90, patience_s=0):
        pass
    assert time.slept == []


async def test_who_is_cancelled_while_waiting_takes_nothing() -> None:
    endpoint = Endpoints().of("openai/a", None, [LimitSettings(endpoint="openai", requests_per_minute=6)])
    await call(endpoint)
    waits = [asyncio.ensure_future(call(endpoint)) for _ in range(3)]
    await asyncio.sleep(0.01)
    for wait in waits:
        wait.cancel()
    results = await asyncio.gather(*waits, return_exceptions=True)
    assert all(isinstance(r, asyncio.CancelledError) for r in results)
    with pytest.raises(ModelError, match=r"the wait would be 10 s"):
        async with endpoint.call(1, patience_s=5):
            pass
