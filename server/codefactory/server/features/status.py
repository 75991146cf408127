"""`codefactory/status`: the model, the jobs and what was spent, for a status bar.

As a request with {uri?}, whose settings name the model; as a notification whenever a job ends.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from codefactory.analyzers import Snapshot
from codefactory.server import repairs
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
    server.jobs.listeners.append(on_job)


async def status(server: Server, uri: str | None) -> dict[str, Any]:
    """Sums are of what is known; `callsOfUnknownPrice` says how many calls they leave out."""
    snapshot = server.session.snapshot(uri) if uri else None
    project = await repairs.project_of(server, snapshot or Snapshot(uri or "untitled:", "", "plaintext"))
    totals = asdict(server.ledger.totals)
    return {
        "model": project.settings.model.name,
        "jobs": [job.as_json() for job in server.jobs.running],
        "spent": {_camel(name): value for name, value in totals.items()},
    }


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
