"""What a provider's error means to a person: a `ModelError` in plain words.

Errors are told apart by their HTTP status and the names of their classes (litellm's, which derive from openai's, and
httpx's), so that this module imports none of them.
"""

from __future__ import annotations

import email.utils
import os
import re
import time
from typing import TYPE_CHECKING

from .model import ModelError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_KEY_SHAPES = re.compile(r"\b(?:sk|pk|gsk|xai|key|ghp|hf|AIza)[-_]?[A-Za-z0-9*_\-]{12,}|(?i:\bbearer\s+)\S+")
_CONTEXT = re.compile(
    r"context.{0,3}(length|window|size|limit)|maximum (input )?length|prompt is too long|too many (input )?tokens",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(r"insufficient_quota|exceeded your current quota|billing|credit balance", re.IGNORECASE)
_NO_KEY = re.compile(r"missing credentials|api_key client option must be set|no api key", re.IGNORECASE)
_CONNECTION = re.compile(r"connection error|cannot connect|peer closed|disconnected", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:litellm\.\w+:\s*|\w*(?:Error|Exception)(?::| -)\s*)+")
_DETAIL_CHARACTERS = 300

_ENVIRONMENT: dict[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "azure": "AZURE_API_KEY",
    "cohere": "COHERE_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "groq": "GROQ_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
    "together_ai": "TOGETHERAI_API_KEY",
    "xai": "XAI_API_KEY",
}


def masked(text: str, secrets: Collection[str] = ()) -> str:
    """`text` without the given secrets, and without anything that has the shape of a key."""
    for secret in sorted((s for s in secrets if len(s) >= 4), key=len, reverse=True):
        text = text.replace(secret, "***")
    return _KEY_SHAPES.sub("***", text)


def environment_secrets() -> frozenset[str]:
    """The values of variables that are named like a key's."""
    return frozenset(
        value
        for name, value in os.environ.items()
        if len(value) >= 8 and name.upper().endswith(("KEY", "TOKEN", "SECRET", "PASSWORD"))
    )


def key_variable(model: str) -> str:
    """The environment variable in which a provider's key is looked for."""
    provider = model.partition("/")[0] if "/" in model else ("anthropic" if model.startswith("claude") else "openai")
    return _ENVIRONMENT.get(provider, "OPENAI_API_KEY" if provider == "openai" else f"{provider.upper()}_API_KEY")


def translate(error: Exception, model: str, secrets: Collection[str] = (), *, timeout_s: float = 0.0) -> ModelError:
    """The ModelError for an exception from litellm. Its message names the model, what happened and the remedy."""
    names = frozenset(cls.__name__ for cls in type(error).__mro__)
    said = str(getattr(error, "message", "") or error) or type(error).__name__
    return explain(
        model, said, status=_status(error), names=names, headers=_headers(error), secrets=secrets, timeout_s=timeout_s
    )


def explain(
    model: str,
    provider_said: str,
    *,
    status: int | None = None,
    names: Collection[str] = (),
    headers: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
    timeout_s: float = 0.0,
) -> ModelError:
    """The ModelError for what a provider answered. `names`: of the classes of an exception.

    An answer with an error's status was computed for nobody: it leaves nothing unreported.
    """
    error = _explained(model, _detail(provider_said, secrets), status, frozenset(names), headers or {}, timeout_s)
    if status is not None and status >= 400 and error.category != "timeout" and not _CONNECTION.search(provider_said):
        error.unreported = 0
    return error


def _explained(
    model: str, said: str, status: int | None, names: frozenset[str], headers: Mapping[str, str], timeout_s: float
) -> ModelError:
    if "TimeoutError" in names or "APITimeoutError" in names or status == 408:
        return timed_out(model, timeout_s)
    if names & {"ContextWindowExceededError"} or (status in {400, 413, 422} and _CONTEXT.search(said)) or status == 413:
        return ModelError(
            "context-length",
            f"{model}: the request is longer than the model can take ({said}). Use a model with a larger context, "
            "or repair fewer findings at once.",
        )
    if status in {401, 403} or names & {"AuthenticationError", "PermissionDeniedError"} or _NO_KEY.search(said):
        return ModelError(
            "authentication",
            f"{model}: the provider did not accept the key ({said}). Set {key_variable(model)}, or "
            "codefactory.model.apiKey or codefactory.model.apiKeyEnv.",
        )
    if status == 402 or (status == 429 and _NO_CREDIT.search(said)):
        return ModelError(
            "fatal",
            f"{model}: the account has no credit left ({said}). Top it up at the provider, or choose another "
            "codefactory.model.name.",
        )
    if status == 429 or "RateLimitError" in names:
        wait_s = retry_after_s(headers, time.time())
        when = "" if wait_s is None else f" It asks to wait {wait_s:g} s."
        return ModelError(
            "rate-limited",
            f"{model}: too many requests for the provider's limit ({said}).{when} Try again later.",
            wait_s,
        )
    if status == 404 or "NotFoundError" in names:
        return ModelError(
            "fatal",
            f"{model}: the provider does not know this model or address ({said}). Check codefactory.model.name and "
            "codefactory.model.apiBase.",
        )
    if "LLM Provider NOT provided" in said:
        return ModelError(
            "fatal",
            f"{model}: it is not said whose model this is. Write codefactory.model.name as provider/model, "
            'e.g. "openai/gpt-4o-mini".',
        )
    if "repeating the same chunk" in said:
        return ModelError("invalid", f"{model}: the model repeats itself without end. Choose another model.")
    if _CONNECTION.search(said) or names & {"APIConnectionError", "ConnectError", "ReadError", "RemoteProtocolError"}:
        return ModelError(
            "transient",
            f"{model}: no connection to the provider ({said}). Check the network, and codefactory.model.apiBase if "
            "it is set.",
        )
    if status is not None and status >= 500:
        return ModelError(
            "transient",
            f"{model}: the provider failed with status {status} ({said}). Try again in a moment.",
            retry_after_s(headers, time.time()),
        )
    return ModelError(
        "fatal",
        f"{model}: the provider refused the request ({said}). Check codefactory.model.name and "
        "codefactory.model.apiBase.",
    )


def timed_out(model: str, timeout_s: float) -> ModelError:
    return ModelError(
        "timeout",
        f"{model}: no answer within {timeout_s:g} s. Raise codefactory.model.timeoutS, or choose a faster model.",
    )


def cut_midway(model: str, cause: ModelError) -> ModelError:
    """`cause`, when a part of the reply had already come: what it used is unknown."""
    return ModelError(
        "transient", f"{model}: the reply broke off midway, and its usage is unknown. {cause}", unreported=1
    )


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """What a Retry-After header asks for: seconds, or an HTTP date (RFC 9110, 10.2.3)."""
    value = (headers.get("retry-after") or "").strip()
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now_s
        except (ValueError, IndexError, OverflowError):
            return None
    return max(0.0, seconds) if seconds < float("inf") else None


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _headers(error: Exception) -> Mapping[str, str]:
    response = getattr(error, "response", None)
    return getattr(error, "litellm_response_headers", None) or getattr(response, "headers", None) or {}


def _detail(said: str, secrets: Collection[str]) -> str:
    """The provider's own words, in one short line."""
    text = masked(_PREFIX.sub("", " ".join(said.split())), secrets).rstrip(". ") or "it gave no reason"
    return text if len(text) <= _DETAIL_CHARACTERS else text[: _DETAIL_CHARACTERS - 1] + "…"
