"""Trying a request again: which failures, how often, after which pause."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from .model import ModelError, Usage
from .provider_error import cut_midway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from .model import Chunk, ModelErrorCategory

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
"""A provider that asks for more than this is not waited for."""
RETRIED: frozenset[ModelErrorCategory] = frozenset({"transient", "rate-limited", "timeout"})


class Sleep(Protocol):
    async def __call__(self, delay: float, /) -> object: ...


@dataclass(frozen=True, slots=True)
class Retries:
    """`limit`: more tries after the first, only as long as nothing of the reply has come."""

    limit: int = 4
    sleep: Sleep = asyncio.sleep
    jitter: Callable[[], float] = random.random

    async def stream(self, name: str, attempt: Callable[[], AsyncGenerator[Chunk]]) -> AsyncGenerator[Chunk]:
        """What `attempt()` yields, from the first try that gets anywhere. Raises ModelError.

        What failed tries may have cost is in the usage, or in the error, as `unreported`.
        """
        unreported = 0
        for retry in range(self.limit + 1):
            begun = False
            try:
                async with aclosing(attempt()) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield _with_unreported(chunk, unreported)
            except ModelError as error:
                failure = cut_midway(name, error) if begun and error.category in RETRIED else error
            else:
                return
            failure.unreported += unreported
            pause_s = self._pause_s(failure, retry)
            if begun or pause_s is None:
                raise failure
            unreported = failure.unreported
            await self.sleep(pause_s)

    def _pause_s(self, error: ModelError, retry: int) -> float | None:
        """Seconds until the next try; None: there is none. Exponential backoff with full jitter, or what is asked for.
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)"""
        if error.category not in RETRIED or retry == self.limit:
            return None
        if error.retry_after_s is not None and error.retry_after_s > LONGEST_PAUSE_S:
            return None
        backoff_s = self.jitter() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**retry)
        return max(backoff_s, error.retry_after_s or 0.0)


def _with_unreported(chunk: Chunk, unreported: int) -> Chunk:
    if not unreported or chunk.usage is None:
        return chunk
    return replace(chunk, usage=chunk.usage + Usage(0, 0, 0.0, 0, unreported))
