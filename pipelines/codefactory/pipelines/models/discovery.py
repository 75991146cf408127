"""Model servers that run on this machine: Ollama, LM Studio, llama.cpp, vLLM.

They are looked for only when a model is about to be needed or the user asks, on their usual ports or those in the
settings, with one GET each to 127.0.0.1 that may take 0.3 s. What was found is remembered for a while.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from . import loopback
from .model import ModelError, Price

if TYPE_CHECKING:
    from codefactory.pipelines.settings import LocalSettings

    from .model import Model

Kind = Literal["ollama", "lm-studio", "llama-cpp", "vllm"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TITLES: dict[Kind, str] = {"ollama": "Ollama", "lm-studio": "LM Studio", "llama-cpp": "llama.cpp", "vllm": "vLLM"}
PREFIX = "local"
PROBE_S = 0.3
REMEMBERED_S = 30.0
FIRST_TOKEN_S = 300.0
"""A server may have to load the model first, and then read a long prompt."""
_NO_CHAT = re.compile(r"embed|rerank|whisper|\bbge\b|minilm", re.IGNORECASE)
_CODE = re.compile(r"cod(e|er|estral)|starcoder|devstral", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that answered, and its models as it calls them."""

    kind: Kind
    port: int
    models: tuple[str, ...]

    @property
    def title(self) -> str:
        return f"{TITLES[self.kind]} on port {self.port}"

    @property
    def names(self) -> tuple[str, ...]:
        """What its models are called in our settings, those for code first; models that cannot chat are left out."""
        able = [model for model in self.models if not _NO_CHAT.search(model)]
        able.sort(key=lambda model: not _CODE.search(model))
        return tuple(f"{PREFIX}/{self.kind}/{model.removesuffix(':latest')}" for model in able)


_found: dict[tuple[tuple[Kind, int], ...], tuple[float, tuple[LocalServer, ...]]] = {}


def ports_of(settings: LocalSettings) -> tuple[tuple[Kind, int], ...]:
    """Where to look; a port of 0 is not looked at."""
    ports = (settings.ollama_port, settings.lm_studio_port, settings.llama_cpp_port, settings.vllm_port)
    return tuple((kind, port) for kind, port in zip(KINDS, ports, strict=True) if port)


async def find_servers(settings: LocalSettings, *, fresh: bool = False) -> tuple[LocalServer, ...]:
    """The servers that answer now; `fresh`: do not rely on what was found a moment ago. None when it is turned off."""
    if not settings.discover:
        return ()
    if not fresh and (known := known_servers(settings)) is not None:
        return known
    ports = ports_of(settings)
    found = await asyncio.gather(*(_probe(kind, port) for kind, port in ports))
    servers = tuple(server for server in found if server is not None)
    _found[ports] = time.monotonic(), servers
    return servers


def known_servers(settings: LocalSettings) -> tuple[LocalServer, ...] | None:
    """What was found a moment ago, without looking; None when nobody looked."""
    if not settings.discover:
        return ()
    found_s, servers = _found.get(ports_of(settings), (float("-inf"), ()))
    return servers if time.monotonic() - found_s < REMEMBERED_S else None


async def _probe(kind: Kind, port: int) -> LocalServer | None:
    path = "/api/tags" if kind == "ollama" else "/v1/models"
    body = await loopback.in_thread(lambda: loopback.get(port, path, timeout_s=PROBE_S), PROBE_S)
    models = None if body is None else _models(kind, body)
    return None if models is None else LocalServer(kind, port, models)


def _models(kind: Kind, body: bytes) -> tuple[str, ...] | None:
    """None for an answer that is not such a server's: the port may be anybody's."""
    key, name = ("models", "name") if kind == "ollama" else ("data", "id")
    try:
        answer: Any = json.loads(body)
    except ValueError:
        return None
    listed: Any = cast("dict[str, Any]", answer).get(key) if isinstance(answer, dict) else None
    if not isinstance(listed, list):
        return None
    names = [cast("dict[str, Any]", item).get(name) for item in cast("list[Any]", listed) if isinstance(item, dict)]
    return tuple(n for n in names if isinstance(n, str) and n)


def local_server_model(name: str, settings: LocalSettings, timeout_s: float) -> Model:
    """By a name as "local/ollama/qwen2.5-coder". Nothing is sent. Raises ModelError for a name that is none."""
    from .openai_compatible import OpenAICompatibleModel

    _, _, rest = name.partition("/")
    kind, _, model = rest.partition("/")
    port = dict(ports_of(settings)).get(cast("Kind", kind))
    if kind not in KINDS or not model or port is None:
        raise ModelError(
            "fatal",
            f"{name} is no model of a server on this machine. Its name is local/KIND/MODEL, where KIND is one of "
            f"{', '.join(KINDS)}. `codefactory models list` shows those that are running.",
        )
    return OpenAICompatibleModel(
        name,
        base_url=f"http://{loopback.HOST}:{port}/v1",
        model=model,
        timeout_s=timeout_s,
        first_token_timeout_s=max(timeout_s, FIRST_TOKEN_S),
        price=Price(0.0, 0.0, 0.0),
    )
