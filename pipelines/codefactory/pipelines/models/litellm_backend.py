"""litellm, on a thread and event loop of its own: the only module that imports it.

Its import takes seconds, and its first call blocks a loop for more than 100 ms; neither may happen on the language
server's loop. Its connections belong to one loop, so that one loop also lets them be reused across `asyncio.run`s.

Two variables are set before the import. Without LITELLM_LOCAL_MODEL_COST_MAP it fetches its price table from the
network. Without LITELLM_MODE=PRODUCTION it loads `.env` from the working directory, by which a workspace that nobody
has trusted could redirect the model's address.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from .model import Chunk, ModelError, Price, Usage
from .openai_wire import ReplyReader, usage_of
from .provider_error import translate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection, Mapping

CHARACTERS_PER_TOKEN = 64
"""More than any tokenizer makes of one token on average: a stream beyond that ignores its own limit."""


class Backend:
    """A running event loop with litellm imported. `start` gives the one of this process."""

    def __init__(self, litellm: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._litellm = litellm
        self._loop = loop

    async def stream(
        self, request: Mapping[str, Any], *, timeout_s: float, secrets: Collection[str]
    ) -> AsyncGenerator[Chunk]:
        """One request, without retries. Raises ModelError. `timeout_s` is the longest silence.

        The HTTP stream is closed when this generator is, at the latest.
        """
        inbox = _Inbox()
        pump = asyncio.run_coroutine_threadsafe(self._pump(request, timeout_s, secrets, inbox), self._loop)
        try:
            while (item := await inbox.get()) is not None:
                if isinstance(item, ModelError):
                    raise item
                yield item
        finally:
            pump.cancel()

    def price(self, model: str) -> Price | None:
        """By litellm's local table; None for a model it does not know."""
        try:
            known = self._litellm.get_model_info(model)
        except Exception:  # noqa: BLE001  # it raises a bare Exception for what it does not know
            return None
        into, out = known.get("input_cost_per_token"), known.get("output_cost_per_token")
        return None if into is None or out is None else Price(float(into), float(out))

    async def _pump(
        self, request: Mapping[str, Any], timeout_s: float, secrets: Collection[str], inbox: _Inbox
    ) -> None:
        """Runs on the backend's loop: everything the provider sends → `inbox`, then None or a ModelError."""
        model: str = request["model"]
        stream: Any = None
        try:
            try:
                async with asyncio.timeout(timeout_s) as deadline:
                    stream = await self._litellm.acompletion(**request)
                    async for chunk in self._chunks(stream, request):
                        deadline.reschedule(self._loop.time() + timeout_s)
                        inbox.put(chunk)
            finally:
                if stream is not None:
                    await stream.aclose()
        except ModelError as error:
            inbox.put(error)
        except Exception as error:  # noqa: BLE001  # whatever a provider's client raises is told as a ModelError
            inbox.put(translate(error, model, secrets, timeout_s=timeout_s))
        else:
            inbox.put(None)

    async def _chunks(self, stream: Any, request: Mapping[str, Any]) -> AsyncGenerator[Chunk]:
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
                yield Chunk(text)
            if getattr(part, "usage", None) is not None:
                usage = part.usage
        if not reader.characters and usage is None:
            raise ModelError(
                "invalid",
                f"{model}: what came back is no completion. Check that codefactory.model.apiBase is the address of "
                "an OpenAI-compatible server (it usually ends in /v1).",
            )
        yield replace(reader.last(), usage=self._usage(usage, stream, model))

    def _usage(self, reported: Any, stream: Any, model: str) -> Usage:
        """The provider's usage. Where it gave none litellm makes one up with a tokenizer of its own: that is none."""
        if not any(getattr(chunk, "usage", None) is not None for chunk in getattr(stream, "chunks", ())):
            return Usage()
        return replace(usage_of(reported.model_dump()), cost_usd=self._cost_usd(reported, model))

    def _cost_usd(self, reported: Any, model: str) -> float | None:
        if self.price(model) is None:
            return None
        try:
            costs: tuple[float, float] = self._litellm.cost_per_token(model=model, usage_object=reported)
        except Exception:  # noqa: BLE001  # no price for a part of it (e.g. cached input): the whole is unknown
            return None
        return float(sum(costs))


class _Inbox:
    """Takes items from the backend's thread and wakes the caller's loop, once for all that wait."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Chunk | ModelError | None] = deque()
        self._filled = asyncio.Event()
        self._woken = False

    def put(self, item: Chunk | ModelError | None) -> None:
        """From any thread. Raises RuntimeError when the caller's loop is closed."""
        self._items.append(item)
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._filled.set)

    async def get(self) -> Chunk | ModelError | None:
        while not self._items:
            self._filled.clear()
            self._woken = False
            if not self._items:  # again: one may have come between, and woken nobody
                await self._filled.wait()
        return self._items.popleft()


_lock = threading.Lock()
_started: Future[Backend] | None = None


async def start() -> Backend:
    """The backend of this process; the first call imports litellm, and waits for that without blocking."""
    global _started
    with _lock:
        if _started is None:
            _started = Future()
            threading.Thread(target=_run, args=(_started,), name="litellm", daemon=True).start()
    return await asyncio.shield(asyncio.wrap_future(_started))


def _run(started: Future[Backend]) -> None:
    try:
        litellm = _import_litellm()
    except Exception as error:  # noqa: BLE001  # an installation that is broken breaks the call, not the server
        message = f"litellm could not be imported ({type(error).__name__}: {error}). Install Code Factory again."
        started.set_exception(ModelError("fatal", message))
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(_ignore)
    loop.call_soon(functools.partial(started.set_result, Backend(litellm, loop)))
    loop.run_forever()


def _ignore(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Its background tasks (logging, closing connections) fail without harm; what they would print may hold a key."""


def _silence_loggers() -> None:
    """litellm logs requests and keys, and to standard output, where a language server speaks its protocol. Its errors
    are raised anyway."""
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
