"""`LiteLLMModel`: any provider that litellm knows, with retries of our own."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Unpack

from . import litellm_process
from .openai_wire import request_body
from .prices import price_of
from .prompt_cache import mark_stable
from .retries import Retries, Sleep

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from .model import Chunk, Message, Options, Price

NO_KEY = "none"
"""Sent to an `api_base` that has no key of its own, so that one from the environment never goes to another's server."""


class LiteLLMModel:
    """A model by the name litellm gives it, e.g. "openai/gpt-4o-mini"; see the `Model` protocol.

    `api_base`: the address of an OpenAI-compatible server. `timeout_s`: the longest silence, before the first word
    and between any two. `max_retries`: more tries after the first, for 429, 5xx, connection errors and timeouts, and
    only as long as nothing of the reply has come.
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
        proxy: str | None = None,
        ca_bundle: Path | None = None,
        sleep: Sleep = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._retries = Retries(max_retries, sleep, jitter)
        self._extra_headers = dict(extra_headers or {})
        self._environment = _environment(proxy, ca_bundle)

    def __repr__(self) -> str:
        return f"LiteLLMModel({self._name!r})"

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        return price_of(self._name)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        request = self._request(messages, max_output_tokens, options)

        def attempt() -> AsyncGenerator[Chunk]:
            return litellm_process.stream(request, timeout_s=self._timeout_s, environment=self._environment)

        async with aclosing(self._retries.stream(self._name, attempt)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _request(self, messages: Sequence[Message], max_output_tokens: int, options: Options) -> dict[str, Any]:
        request = request_body(self._name, messages, max_output_tokens=max_output_tokens, **options)
        request |= {
            "messages": mark_stable(self._name, request["messages"]),
            "timeout": self._timeout_s + 5,  # a second line of defence: the backend measures the silence itself
            "num_retries": 0,
            "max_retries": 0,
        }
        optional = {
            "api_base": self._api_base,
            "api_key": self._api_key or (NO_KEY if self._api_base else None),
            "extra_headers": self._extra_headers,
        }
        return request | {name: value for name, value in optional.items() if value}


def _environment(proxy: str | None, ca_bundle: Path | None) -> litellm_process.Environment:
    """litellm takes these from variables only."""
    variables: dict[str, str] = {}
    if proxy is not None:
        variables |= {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy}
    if ca_bundle is not None:
        variables |= {"SSL_CERT_FILE": str(ca_bundle), "REQUESTS_CA_BUNDLE": str(ca_bundle)}
    return frozenset(variables.items())
