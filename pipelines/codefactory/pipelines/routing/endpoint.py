"""`Endpoint`: where models are asked; its circuit breaker and its rate limits."""

from __future__ import annotations

import asyncio
import functools
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from codefactory.pipelines.engine import StepError
from codefactory.pipelines.engine.breaker import Breaker
from codefactory.pipelines.models import ModelError

from .rate_limit import Bucket

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable

    from codefactory.pipelines.engine.errors import Category
    from codefactory.pipelines.settings import LimitSettings


class Sleep(Protocol):
    async def __call__(self, delay: float, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of the settings, with its buckets."""

    name: str
    requests: Bucket | None
    tokens: Bucket | None

    def wait_s(self, tokens: int) -> float:
        return max((bucket.wait_s(amount) for bucket, amount in self._amounts(tokens)), default=0.0)

    def take(self, tokens: int) -> float:
        return max((bucket.take(amount) for bucket, amount in self._amounts(tokens)), default=0.0)

    def give_back(self, tokens: int, requests: int) -> None:
        if self.requests:
            self.requests.give_back(requests)
        if self.tokens:
            self.tokens.give_back(tokens)

    def _amounts(self, tokens: int) -> Iterable[tuple[Bucket, int]]:
        if self.requests:
            yield self.requests, 1
        if self.tokens:
            yield self.tokens, tokens

    def __str__(self) -> str:
        parts = [f"{self.requests.per_minute:g} requests" if self.requests else ""]
        parts += [f"{self.tokens.per_minute:,.0f} tokens" if self.tokens else ""]
        return f"the limit of {' and '.join(filter(None, parts))} a minute for {self.name}"


class Endpoint:
    """`limits`: all that hold for it."""

    def __init__(self, name: str, breaker: Breaker, limits: tuple[Limit, ...], sleep: Sleep = asyncio.sleep) -> None:
        self.name = name
        self._breaker = breaker
        self._limits = limits
        self._sleep = sleep

    @asynccontextmanager
    async def call(
        self, tokens: int, *, patience_s: float, notice: Callable[[str], None] = lambda _: None
    ) -> AsyncGenerator[Call]:
        """Around one call, of about `tokens` tokens. Waits for the rate limits; `notice` says how long.

        Raises ModelError: "transient" while the endpoint is left alone after failures, "rate-limited" when the wait
        would be longer than `patience_s`. What the block raises decides what is thought of the endpoint.
        """
        try:
            self._breaker.admit()
        except StepError as error:
            message = f"{error}."
            raise ModelError("transient", message, error.retry_after_s) from error
        call = Call(tokens)
        category: Category | None = "fatal"  # of no weight: cancelled, or a limit of our own
        taken = False
        try:
            wait_s, limit = self._longest_wait(tokens, patience_s)
            for each in self._limits:
                wait_s = max(wait_s, each.take(tokens))
            taken = True
            if limit is not None and wait_s > 0:
                notice(f"Waiting {wait_s:.0f} s for {limit} (codefactory.model.limits)")
                await self._sleep(wait_s)
            call.sent = True
            yield call
            category = None
        except ModelError as error:
            if call.sent:
                category = cast("Category", error.category.replace("-", "_"))
            raise
        finally:
            if taken:
                for each in self._limits:
                    each.give_back(tokens - call.tokens if call.sent else tokens, 0 if call.sent else 1)
            if category is None:
                self._breaker.succeeded()
            else:
                self._breaker.failed(category)

    def _longest_wait(self, tokens: int, patience_s: float) -> tuple[float, Limit | None]:
        waits = [(limit.wait_s(tokens), limit) for limit in self._limits]
        wait_s, limit = max(waits, key=lambda w: w[0], default=(0.0, None))
        if limit is not None and wait_s > patience_s:
            message = f"{limit} is used up, and the wait would be {wait_s:.0f} s. codefactory.model.limits allows more."
            raise ModelError("rate-limited", message[0].upper() + message[1:], wait_s)
        return wait_s, limit


@dataclass(slots=True)
class Call:
    """`tokens`: as estimated; set it to what was used once that is known."""

    tokens: int
    sent: bool = False


class Endpoints:
    """All endpoints of this process, so that everything that asks them shares their breakers and limits."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._breakers: dict[str, Breaker] = {}
        self._limits: dict[LimitSettings, Limit] = {}

    def of(self, model: str, api_base: str | None, limits: Iterable[LimitSettings]) -> Endpoint:
        """The endpoint of a model; `limits` that name it, its provider, or the model hold."""
        provider = model.partition("/")[0]
        name = api_base or provider
        breaker = self._breakers.setdefault(name, Breaker(name, clock=self._clock))
        holding = tuple(self._limit(s) for s in limits if s.endpoint in (name, provider, model))
        return Endpoint(name, breaker, holding, self._sleep)

    def _limit(self, settings: LimitSettings) -> Limit:
        if settings not in self._limits:
            requests, tokens = settings.requests_per_minute, settings.tokens_per_minute
            self._limits[settings] = Limit(
                settings.endpoint,
                None if requests is None else Bucket(requests, self._clock),
                None if tokens is None else Bucket(tokens, self._clock),
            )
        return self._limits[settings]


@functools.cache
def shared_endpoints() -> Endpoints:
    return Endpoints()
