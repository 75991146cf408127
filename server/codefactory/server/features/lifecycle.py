"""initialize, initialized, shutdown, exit."""

from __future__ import annotations

import asyncio
import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codefactory.analyzers.worker import WorkerError
from codefactory.server import capabilities, process

from . import configuration

if TYPE_CHECKING:
    from codefactory.server.app import Server

log = logging.getLogger(__name__)


def register(server: Server) -> None:
    def on_initialize(params: types.InitializeParams) -> None:
        server.client.capabilities = capabilities.Capabilities.of(params)
        server.configuration.set_folders(capabilities.folders(params))
        options = server.client.capabilities.options
        server.configuration.set_editor({"": configuration.section(options.get("settings"))})
        for name, secret in configuration.section(options.get("secrets")).items():
            server.configuration.set_secret(name, str(secret))
        if params.process_id is not None:
            process.end_with(params.process_id, lambda: close(server))

    async def on_initialized(_: types.InitializedParams) -> None:
        server.attach()
        warming = asyncio.gather(asyncio.to_thread(warm_up, server), asyncio.to_thread(preload))
        await configuration.register_with_client(server)
        await configuration.load(server)
        server.analyses.start()
        await warming

    async def on_progress_cancel(params: types.WorkDoneProgressCancelParams) -> None:
        await server.jobs.cancel(str(params.token))

    async def on_shutdown(_: Any) -> None:
        await server.jobs.cancel_all()
        close(server)
        server.exit_code = 0

    server.on(types.INITIALIZE, on_initialize)
    server.on(types.INITIALIZED, on_initialized)
    server.on(types.WINDOW_WORK_DONE_PROGRESS_CANCEL, on_progress_cancel)
    server.on(types.SHUTDOWN, on_shutdown)


def close(server: Server) -> None:
    """End the processes that the server started. Quick, from any thread."""
    server.analyses.close()
    server.graphs.close()
    server.models.close()


def warm_up(server: Server) -> None:
    """Start the worker process. A failure is not told here: the first analysis says it better."""
    try:
        server.analyses.analyzers.warm_up()
    except WorkerError as error:
        log.warning("the worker did not warm up: %s", error)


def preload() -> None:
    """Import what the first analysis and the first repair need, while nobody waits for it."""
    for name in ("project", "repair", "chosen", "models.configured", "gate.uses"):
        import_module(f"codefactory.pipelines.{name}")
