"""`codefactory/status`: the model, the jobs and what was spent, for a status bar.

As a request with {uri?}, whose settings name the model; as a notification whenever a job ends or the
settings change.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from codefactory.analyzers import Snapshot
from codefactory.server import repairs
from codefactory.server.model_support import is_missing
from codefactory.server.protocol import as_object

if TYPE_CHECKING:
    from codefactory.server.app import Server
    from codefactory.server.jobs import Job

METHOD = "codefactory/status"


def register(server: Server) -> None:
    async def on_status(params: Any) -> dict[str, Any]:
        uri = as_object(params).get("uri")
        return await status(server, uri if isinstance(uri, str) else None)

    async def tell(uri: str | None) -> None:
        server.client.notify(METHOD, await status(server, uri))

    def on_job(job: Job) -> None:
        if job.state != "running" and server.client.capabilities.notifications:
            server.spawn(tell(job.uri))

    server.on(METHOD, on_status)

    def on_configuration() -> None:
        if server.client.capabilities.notifications:
            server.spawn(tell(None))

    server.jobs.listeners.append(on_job)
    server.configuration_listeners.append(on_configuration)


async def status(server: Server, uri: str | None) -> dict[str, Any]:
    """Sums are of what is known; `callsOfUnknownPrice` says how many calls they leave out. `missing`: the package that
    has to be installed before the model in the settings can be asked. `modelWhy`: why that model, or how to get one."""
    snapshot = server.session.snapshot(uri) if uri else None
    project = await repairs.project_of(server, snapshot or Snapshot(uri or "untitled:", "", "plaintext"))
    missing = is_missing(project.settings.model)
    await server.models.remember(project.settings)
    totals = asdict(server.ledger.totals)
    return {
        "model": None if missing else server.models.name(project.settings),
        "modelWhy": None if missing else server.models.why(project.settings),
        "missing": "litellm" if missing else None,
        "jobs": [job.as_json() for job in server.jobs.running],
        "spent": {_camel(name): value for name, value in totals.items()},
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
