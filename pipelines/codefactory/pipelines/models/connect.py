"""`connect()`: a name and an address → a model. OpenAI's protocol is spoken directly, all others by litellm."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .openai_compatible import OPENAI, OpenAICompatibleModel
from .prices import price_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .model import Model, Price

PREFIXES = frozenset(
    {"openai", "custom_openai", "hosted_vllm", "llamafile", "lm_studio", "local", "ollama", "ollama_chat", "vllm"}
)
"""Providers whose servers speak OpenAI's protocol: what follows the slash is the model's name for the server."""
FILES = frozenset({"recorded", "scripted"})
"""Not providers but files of replies: only the user's own settings may name them."""
OWN_PROTOCOL = frozenset(
    {
        "anthropic",
        "azure",
        "bedrock",
        "cohere",
        "gemini",
        "huggingface",
        "replicate",
        "sagemaker",
        "vertex_ai",
        "watsonx",
    }
)
"""Providers whose servers, at another address too, speak a protocol of their own."""


def is_direct(name: str, api_base: str | None) -> bool:
    """Whether a model is asked without litellm."""
    provider = name.partition("/")[0] if "/" in name else ""
    return provider == "openai" or provider in FILES or (api_base is not None and provider not in OWN_PROTOCOL)


def connect(
    name: str,
    *,
    api_base: str | None = None,
    api_key: str | None = None,
    timeout_s: float = 60.0,
    headers: Mapping[str, str] | None = None,
    proxy: str | None = None,
    ca_bundle: Path | None = None,
    price: Price | None = None,
) -> Model:
    """Nothing is sent, and nothing heavy imported, before the model is asked. `price`: None: that of the table.
    Raises ModelError for the name of a file of replies without a file."""
    provider, _, rest = name.partition("/")
    if provider in FILES:
        return _of_file(name, provider)
    if not is_direct(name, api_base):
        from .litellm_model import LiteLLMModel

        return LiteLLMModel(
            name,
            api_base=api_base,
            api_key=api_key,
            timeout_s=timeout_s,
            extra_headers=headers,
            proxy=proxy,
            ca_bundle=ca_bundle,
        )
    return OpenAICompatibleModel(
        name,
        base_url=_base_url(provider, api_base),
        model=rest if provider in PREFIXES and rest else name,
        api_key=api_key,
        timeout_s=timeout_s,
        headers=headers,
        proxy=proxy,
        ca_bundle=ca_bundle,
        price=price or price_of(name),
    )


def _of_file(name: str, provider: str) -> Model:
    from .cassette import RecordedModel
    from .scripted import ScriptedModel, file_of

    make = RecordedModel if provider == "recorded" else ScriptedModel
    return make(name, file_of(name))


def _base_url(provider: str, api_base: str | None) -> str:
    if api_base is None:
        return OPENAI
    ollama = provider in {"ollama", "ollama_chat"} and urlsplit(api_base).path in {"", "/"}
    return f"{api_base.rstrip('/')}/v1" if ollama else api_base
