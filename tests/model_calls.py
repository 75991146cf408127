"""What tests of models over HTTP share: ways to ask, and a clock that does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest
from scripted_server import ScriptedServer, Step

from codefactory.pipelines.models import (
    Chunk,
    LiteLLMModel,
    Message,
    Model,
    ModelError,
    OpenAICompatibleModel,
    Retries,
)

if TYPE_CHECKING:
    from collections.abc import Callable

HELLO = (Message("system", "Be brief."), Message("user", "Say hello."))
KEY = "sk-secret-0123456789"


class Pauses:
    """Sleeps for no time and remembers for how long it should have."""

    def __init__(self) -> None:
        self.asked: list[float] = []

    async def __call__(self, delay: float) -> None:
        self.asked.append(delay)


class MakeModel(Protocol):
    """A model at an address, by one of the ways over which models are asked."""

    def __call__(
        self,
        url: str,
        pauses: Pauses | None = None,
        *,
        timeout_s: float = 5.0,
        max_retries: int = 4,
        headers: dict[str, str] | None = None,
    ) -> Model: ...


def direct_at(
    url: str,
    pauses: Pauses | None = None,
    *,
    timeout_s: float = 5.0,
    max_retries: int = 4,
    headers: dict[str, str] | None = None,
    **options: Any,
) -> OpenAICompatibleModel:
    retries = Retries(max_retries, pauses or Pauses(), lambda: 1.0)
    options = {"api_key": KEY, "timeout_s": timeout_s, "headers": headers} | options
    return OpenAICompatibleModel("openai/scripted", base_url=url, retries=retries, **options)


def litellm_at(
    url: str,
    pauses: Pauses | None = None,
    *,
    timeout_s: float = 5.0,
    max_retries: int = 4,
    headers: dict[str, str] | None = None,
) -> LiteLLMModel:
    return LiteLLMModel(
        "openai/scripted",
        api_base=url,
        api_key=KEY,
        timeout_s=timeout_s,
        max_retries=max_retries,
        extra_headers=headers,
        sleep=pauses or Pauses(),
        jitter=lambda: 1.0,
    )


WAYS: dict[str, MakeModel] = {"direct": direct_at, "litellm": litellm_at}


async def ask(model: Model, max_output_tokens: int = 100, **options: Any) -> list[Chunk]:
    return [chunk async for chunk in model.complete(HELLO, max_output_tokens=max_output_tokens, **options)]


async def failure(make: Callable[..., Model], *steps: Step, **options: Any) -> ModelError:
    with ScriptedServer(steps) as server:
        with pytest.raises(ModelError) as caught:
            await ask(make(server.url, **options))
        return caught.value
