"""The language server: its parts, and the list of its features."""

from __future__ import annotations

import asyncio
import logging
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.lsp.server import LanguageServer

from .analyses import Analyses
from .apply import Applier
from .client import Client
from .configuration import Configuration
from .fixes import Fixes
from .graphs import Graphs
from .jobs import Jobs
from .model_choice import ModelChoice
from .proposals import Proposals
from .protocol import Protocol
from .provenance import Provenance
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from codefactory.pipelines.budget import Ledger

log = logging.getLogger(__name__)


class Server(LanguageServer):
    """pygls' server with our parts. Each part is changed by itself only; features read them."""

    protocol: Protocol  # pyright: ignore[reportIncompatibleVariableOverride]  (set by pygls to what is passed below)

    def __init__(self) -> None:
        super().__init__(  # pyright: ignore[reportUnknownMemberType]  (pygls passes *args on)
            "codefactory",
            version(),
            types.TextDocumentSyncKind.Incremental,
            protocol_cls=Protocol,
            converter_factory=get_converter,
        )
        self.exit_code = 1
        """0 once the client has said goodbye properly."""
        self.session = Session()
        self.client = Client(self)
        self.configuration = Configuration(self._on_configuration_problem)
        self.analyses = Analyses(self.session, self.configuration, self._on_analysis)
        self.fixes = Fixes(self.analyses.analyzers)
        self.graphs = Graphs(self.session, self.configuration, self._on_configuration_problem)
        self.jobs = Jobs(self.client)
        self.models = ModelChoice(self.client)
        self.proposals = Proposals()
        self.provenance = Provenance(self.session)
        self.applier = Applier(self.session, self.client)
        self.analysis_listeners: list[Callable[[str], None]] = []
        self.configuration_listeners: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @cached_property
    def ledger(self) -> Ledger:
        """What models were asked in this session."""
        from codefactory.pipelines.budget import Ledger

        return Ledger()

    def on(self, method: str, handler: Callable[..., Any], options: Any = None) -> None:
        """Register a handler of requests or notifications. A coroutine function becomes a task."""
        self.feature(method, options)(handler)  # pyright: ignore[reportUnknownMemberType]  (pygls' decorators are untyped)

    def on_command(self, name: str, handler: Callable[..., Any]) -> None:
        """Register a command. Its arguments are plain JSON."""
        self.command(name)(handler)  # pyright: ignore[reportUnknownMemberType]  (as above)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Work that nobody waits for; its failure is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def attach(self) -> None:
        """Remember the event loop, for what other threads have to say."""
        self._loop = asyncio.get_running_loop()

    def report_server_error(self, error: Exception, source: Any) -> None:
        """An error that no request's answer carries. The text of the error may quote a document, so only its type is
        shown."""
        log.error("internal error (%s)", type(error).__name__, exc_info=error)
        self.client.show_once(f"Code Factory met an internal error ({type(error).__name__}); see its log.", "error")

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.report_server_error(error if isinstance(error, Exception) else RuntimeError(repr(error)), None)

    def _on_analysis(self, uri: str) -> None:
        for listener in self.analysis_listeners:
            listener(uri)

    def _on_configuration_problem(self, message: str) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.client.show_once, message)


def create_server() -> Server:
    """A server with all features, ready for `start_io` or `start_tcp`."""
    from .features import (
        code_actions,
        code_lens,
        commands,
        configuration,
        context,
        debug,
        diagnostics,
        document_links,
        editor_models,
        explain,
        file_operations,
        graph,
        hover,
        lifecycle,
        proposals,
        status,
        text_sync,
    )

    server = Server()
    for feature in (
        lifecycle,
        text_sync,
        configuration,
        diagnostics,
        code_actions,
        hover,
        commands,
        proposals,
        status,
        debug,
        editor_models,
        explain,
        graph,
        code_lens,
        document_links,
        context,
        file_operations,
    ):
        feature.register(server)
    return server


@lru_cache(maxsize=1)
def version() -> str:
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as distribution_version

    try:
        return distribution_version("codefactory")
    except PackageNotFoundError:  # run from a source tree or a bundle without metadata
        return "0"
