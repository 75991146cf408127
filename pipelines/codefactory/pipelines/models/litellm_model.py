"""`LiteLLMModel`: any provider that litellm knows, with retries of our own."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

from . import litellm_backend
from .model import ModelError
from .provider_error import cut_midway

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from .model import Chunk, Message, ModelErrorCategory, Price

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
"""A provider that asks for more than this is not waited for."""
NO_KEY = "none"
"""Sent to an `api_base` that has no key of its own, so that one from the environment never goes to another's server."""
RETRIED: frozenset[ModelErrorCategory] = frozenset({"transient", "rate-limited", "timeout"})


class Sleep(Protocol):
    async def __call__(self, delay: float, /) -> object: ...


class LiteLLMModel:
    """A model by the name litellm gives it, e.g. "openai/gpt-4o-mini"; see the `Model` protocol.

    `api_base`: the address of an OpenAI-compatible server. `timeout_s`: the longest silence, before the first word
    and between any two. `max_retries`: more tries after the first, for 429, 5xx, connection errors and timeouts, and
    only as long as nothing of the reply has come. What a try that failed may have cost is unknown and not counted.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 60.0,
        max_retries: int = 4,
        extra_headers: Mapping[str, str] | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._max_retries = max_retries
        self._extra_headers = dict(extra_headers or {})
        self._sleep = sleep
        self._jitter = jitter

    def __repr__(self) -> str:
        return f"LiteLLMModel({self._name!r})"

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        return (await litellm_backend.start()).price(self._name)

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        max_output_tokens: int,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
    ) -> AsyncGenerator[Chunk]:
        request = self._request(messages, max_output_tokens, temperature, stop)
        backend = await litellm_backend.start()
        for retry in range(self._max_retries + 1):
            begun = False
            try:
                stream = backend.stream(request, timeout_s=self._timeout_s, secrets=self._secrets())
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except ModelError as error:
                failure = cut_midway(self._name, error) if begun and error.category in RETRIED else error
            else:
                return
            pause_s = self._pause_s(failure, retry)
            if begun or pause_s is None:
                raise failure
            await self._sleep(pause_s)

    def _pause_s(self, error: ModelError, retry: int) -> float | None:
        """Seconds until the next try; None: there is none. Exponential backoff with full jitter, or what is asked for.
        (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)"""
        if error.category not in RETRIED or retry == self._max_retries:
            return None
        if error.retry_after_s is not None and error.retry_after_s > LONGEST_PAUSE_S:
            return None
        backoff_s = self._jitter() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**retry)
        return max(backoff_s, error.retry_after_s or 0.0)

    def _request(
        self, messages: Sequence[Message], max_output_tokens: int, temperature: float, stop: Sequence[str]
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._name,
            "messages": [{"role": m.role, "content": m.content} for m in messages],
            "max_tokens": max_output_tokens,
            "temperature": temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            "timeout": self._timeout_s + 5,  # a second line of defence: the backend measures the silence itself
            "num_retries": 0,
            "max_retries": 0,
        }
        optional = {
            "api_base": self._api_base,
            "api_key": self._api_key or (NO_KEY if self._api_base else None),
            "extra_headers": self._extra_headers,
            "stop": list(stop),
        }
        return request | {name: value for name, value in optional.items() if value}

    def _secrets(self) -> frozenset[str]:
        """What must not occur in any message: the key and the headers' values, and keys in the environment."""
        variables = (v for k, v in os.environ.items() if k.upper().endswith(("KEY", "TOKEN", "SECRET", "PASSWORD")))
        given = (self._api_key or "", *self._extra_headers.values())
        return frozenset((*given, *(v for v in variables if len(v) >= 8)))
