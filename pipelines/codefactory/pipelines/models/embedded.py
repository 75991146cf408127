"""`EmbeddedModel`: a pulled model that runs on this machine, in a process of its own."""

from __future__ import annotations

import atexit
import threading
from contextlib import aclosing
from importlib.util import find_spec
from typing import TYPE_CHECKING

from . import catalogue, loopback
from .embedded_process import GONE_S, EmbeddedProcess
from .free_memory import available_bytes
from .model import ModelError, Price

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from codefactory.pipelines.settings import LocalSettings

    from .catalogue import LocalModel
    from .embedded_process import Endpoint, Use
    from .model import Chunk, Message, Options
    from .openai_compatible import OpenAICompatibleModel

    try:
        from typing import Unpack
    except ImportError:
        from typing_extensions import Unpack

PREFIX = "embedded"
INSTALL = "pip install xllamacpp"
FIRST_TOKEN_S = 900.0
"""Reading a long prompt takes minutes where there are few cores."""
VERIFY_S = 600.0


def is_installed() -> bool:
    """Whether xllamacpp is there, without importing it."""
    return find_spec("xllamacpp") is not None


class EmbeddedModel:
    """See the `Model` protocol. `timeout_s`: the longest silence between two words."""

    def __init__(self, model: LocalModel, process: EmbeddedProcess, context_tokens: int, timeout_s: float) -> None:
        self._model = model
        self._process = process
        self._context_tokens = context_tokens
        self._timeout_s = timeout_s
        self._asked: dict[str, OpenAICompatibleModel] = {}

    def __repr__(self) -> str:
        return f"EmbeddedModel({self.name!r})"

    @property
    def name(self) -> str:
        return f"{PREFIX}/{self._model.name}"

    @property
    def process(self) -> EmbeddedProcess:
        return self._process

    @property
    def memory(self) -> str:
        """What it takes, for people: "about 1.65 GB of memory"."""
        return f"about {catalogue.size(self._model.memory_bytes(self._context_tokens))} of memory"

    async def price(self) -> Price | None:
        return Price(0.0, 0.0, 0.0)

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        """A process that died before the first word is started anew, once; afterwards it is a transient error."""
        for last in (False, True):
            begun = False
            try:
                stream = self._once(messages, max_output_tokens, options)
                async with aclosing(stream) as chunks:
                    async for chunk in chunks:
                        begun = True
                        yield chunk
            except _DiedError as death:
                if begun or last:
                    raise ModelError(
                        "transient",
                        f"{self.name}: its process {death} "
                        f"{'in the middle of' if begun else 'before'} the reply. The next request starts it anew.",
                        unreported=0,
                    ) from death.__cause__
            else:
                return

    async def _once(
        self, messages: Sequence[Message], max_output_tokens: int, options: Options
    ) -> AsyncGenerator[Chunk]:
        if self._process.pid is None:
            await loopback.in_thread(self._prepare, VERIFY_S)
        async with self._process.use() as use:
            reply = self._at(use.endpoint).complete(messages, max_output_tokens=max_output_tokens, **options)
            try:
                async with aclosing(reply) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except ModelError as error:
                raise await self._explained(use, error) from error

    async def _explained(self, use: Use, error: ModelError) -> Exception:
        if error.category == "context-length":
            return ModelError(
                "context-length", f"{error} Or raise codefactory.local.contextTokens ({self._context_tokens:,})."
            )
        death = await use.death() if error.category in {"transient", "invalid"} else None
        return error if death is None else _DiedError(death)

    def _at(self, endpoint: Endpoint) -> OpenAICompatibleModel:
        from .openai_compatible import OpenAICompatibleModel
        from .retries import Retries

        if endpoint.base_url not in self._asked:
            self._asked = {
                endpoint.base_url: OpenAICompatibleModel(
                    self.name,
                    base_url=endpoint.base_url,
                    api_key=endpoint.api_key,
                    timeout_s=self._timeout_s,
                    first_token_timeout_s=FIRST_TOKEN_S,
                    price=Price(0.0, 0.0, 0.0),
                    retries=Retries(limit=0),
                )
            }
        return self._asked[endpoint.base_url]

    def _prepare(self) -> None:
        """Everything that has to be so before the process takes its memory. Raises ModelError."""
        name, model = self.name, self._model
        if self._process.needs_xllamacpp and not is_installed():
            raise ModelError("fatal", f"{name}: xllamacpp, which runs it, is not installed. {INSTALL}")
        if not model.verify():
            raise ModelError(
                "fatal",
                f"{name} is not on this machine. `codefactory models pull {model.name}` fetches it "
                f"({catalogue.size(model.bytes)}).",
            )
        end_idle(besides=self._process)
        needed, free = model.memory_bytes(self._context_tokens), available_bytes()
        if free is not None and free < needed:
            raise ModelError(
                "fatal",
                f"{name} takes {self.memory}, and {catalogue.size(free)} are free. End other programs, choose a "
                "smaller model (`codefactory models list`), or lower codefactory.local.contextTokens.",
            )


class _DiedError(Exception):
    """The process is gone; the message goes on after "its process"."""


_processes: dict[tuple[str, str, int], EmbeddedProcess] = {}
_lock = threading.Lock()


def embedded_model(name: str, settings: LocalSettings, timeout_s: float) -> EmbeddedModel:
    """By the name in the catalogue, with or without "embedded/". Starts nothing. Raises ModelError."""
    try:
        model = catalogue.load().get(name)
    except catalogue.CatalogueError as error:
        raise ModelError("fatal", str(error)) from error
    context = min(settings.context_tokens, model.context_tokens)
    key = (model.name, model.sha256, context)
    with _lock:
        if key not in _processes:
            _processes[key] = EmbeddedProcess(
                f"{PREFIX}/{model.name}",
                model.path,
                context,
                max_threads=settings.max_threads,
                command=settings.host or None,
            )
        process = _processes[key]
    process.idle_s = settings.idle_s
    return EmbeddedModel(model, process, context, timeout_s)


def pids() -> Mapping[str, int]:
    """The processes that run: model → process id."""
    return {key[0]: pid for key, process in list(_processes.items()) if (pid := process.pid) is not None}


def end_idle(besides: EmbeddedProcess | None = None) -> None:
    """One model's memory at a time: end the processes that nobody uses."""
    for process in list(_processes.values()):
        if process is not besides and not process.in_use:
            process.close()


def close_all() -> None:
    """End all processes. Quick, from any thread."""
    for process in list(_processes.values()):
        process.close()


@atexit.register
def _close_at_exit() -> None:
    """So that their memory is free when this program has ended."""
    for process in list(_processes.values()):
        process.close(wait_s=GONE_S)
