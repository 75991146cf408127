"""litellm, in a process of its own: the only module that imports it. `litellm_process` starts it.

Its import takes seconds and 180 MB, and blocks the threads beside it for up to half a second at a time; none of that
may happen to the language server. The process reads requests from standard input and writes what comes of them to
standard output, each a JSON object on a line. It ends when its input does.

Two variables are set before the import. Without LITELLM_LOCAL_MODEL_COST_MAP it fetches its price table from the
network. Without LITELLM_MODE=PRODUCTION it loads `.env` from the working directory, by which a workspace that nobody
has trusted could redirect the model's address.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from dataclasses import asdict, replace
from typing import IO, TYPE_CHECKING, Any, cast

from .model import ModelError, Usage
from .openai_wire import ReplyReader, usage_of
from .provider_error import environment_secrets, translate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

CHARACTERS_PER_TOKEN = 64
"""More than any tokenizer makes of one token on average: a stream beyond that ignores its own limit."""


def serve() -> None:
    """Answer requests until the input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not get between the answers
    try:
        litellm = _import_litellm()
    except Exception as error:  # noqa: BLE001  # an installation that is broken breaks the calls, and is said to
        _write(out, {"broken": f"{type(error).__name__}: {error}"})
        return
    _write(out, {"ready": True})
    asyncio.run(_Service(litellm, out).run())


class _Service:
    def __init__(self, litellm: Any, out: IO[bytes]) -> None:
        self._litellm = litellm
        self._out = out
        self._calls: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_ignore)
        ended = asyncio.Event()
        threading.Thread(target=self._read, args=(loop, ended), daemon=True).start()
        await ended.wait()
        os._exit(0)  # what litellm still has under way is of no use to anybody

    def _read(self, loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(self._received, json.loads(line))
        loop.call_soon_threadsafe(ended.set)

    def _received(self, message: Mapping[str, Any]) -> None:
        number: int = message["id"]
        if "request" in message:
            self._calls[number] = asyncio.ensure_future(self._answer(number, message))
        elif number in self._calls:
            self._calls[number].cancel()

    async def _answer(self, number: int, message: Mapping[str, Any]) -> None:
        """Everything the provider sends, then the end or an error."""
        request: dict[str, Any] = message["request"]
        timeout_s: float = message["timeout_s"]
        stream: Any = None
        try:
            try:
                async with asyncio.timeout(timeout_s) as deadline:
                    stream = await self._litellm.acompletion(**request)
                    async for part in self._parts(stream, request):
                        deadline.reschedule(asyncio.get_running_loop().time() + timeout_s)
                        _write(self._out, {"id": number, **part})
            finally:
                if stream is not None:
                    await stream.aclose()
        except ModelError as error:
            self._failed(number, error)
        except Exception as error:  # noqa: BLE001  # whatever a provider's client raises is told as a ModelError
            secrets = {request.get("api_key") or "", *request.get("extra_headers", {}).values()}
            known = environment_secrets().union(secrets)
            self._failed(number, translate(error, request["model"], known, timeout_s=timeout_s))
        finally:
            del self._calls[number]

    def _failed(self, number: int, error: ModelError) -> None:
        fields = {
            "category": error.category,
            "message": str(error),
            "retry_after_s": error.retry_after_s,
            "unreported": error.unreported,
        }
        _write(self._out, {"id": number, "error": fields})

    async def _parts(self, stream: Any, request: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        model: str = request["model"]
        allowed = request["max_tokens"] * CHARACTERS_PER_TOKEN
        reader = ReplyReader()
        usage: Any = None
        async for part in stream:
            text = reader.read(part.model_dump(exclude_none=True))
            if reader.characters > allowed:
                raise ModelError(
                    "invalid", f"{model}: the reply went on beyond its limit of {request['max_tokens']} tokens."
                )
            if text:
                yield {"text": text}
            if getattr(part, "usage", None) is not None:
                usage = part.usage
        if not reader.characters and usage is None:
            raise ModelError(
                "invalid",
                f"{model}: what came back is no completion. Check that codefactory.model.apiBase is the address of "
                "an OpenAI-compatible server (it usually ends in /v1).",
            )
        last = replace(reader.last(), usage=self._usage(usage, stream, model))
        yield {"last": asdict(last)}

    def _usage(self, reported: Any, stream: Any, model: str) -> Usage:
        """The provider's usage. Where it gave none litellm makes one up with a tokenizer of its own: that is none."""
        if not any(getattr(chunk, "usage", None) is not None for chunk in getattr(stream, "chunks", ())):
            return Usage()
        return replace(usage_of(reported.model_dump()), cost_usd=self._cost_usd(reported, model))

    def _cost_usd(self, reported: Any, model: str) -> float | None:
        try:
            known = self._litellm.get_model_info(model)
            if known.get("input_cost_per_token") is None or known.get("output_cost_per_token") is None:
                return None
            costs: tuple[float, float] = self._litellm.cost_per_token(model=model, usage_object=reported)
        except Exception:  # noqa: BLE001  # no price for a part of it (e.g. cached input): the whole is unknown
            return None
        return float(sum(costs))


def _write(out: IO[bytes], message: Mapping[str, Any]) -> None:
    out.write(json.dumps(message).encode() + b"\n")
    out.flush()


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Its background tasks (logging, closing connections) fail without harm; what they would print may hold a key."""


def _silence_loggers() -> None:
    """litellm logs requests and keys, and to standard output, where this process speaks with its parent. Its
    errors are raised anyway."""
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "LiteLLM Proxy.stdout"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.CRITICAL + 1)
        logger.handlers.clear()
        logger.propagate = False
    for name in ("openai", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below it they log whole prompts


def _import_litellm() -> Any:
    """Import it with everything off that talks: telemetry, callbacks, logging of requests."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    os.environ["AIOHTTP_TRUST_ENV"] = "True"  # HTTPS_PROXY and NO_PROXY count
    os.environ.pop("LITELLM_LOG", None)
    _silence_loggers()  # before, for what the import says; after, for what it sets
    import litellm as module

    _silence_loggers()
    litellm = cast("Any", module)
    litellm.set_verbose = False
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = True
    litellm.disable_streaming_logging = True
    for callbacks in ("callbacks", "input_callback", "success_callback", "failure_callback"):
        setattr(litellm, callbacks, [])
    return litellm
