"""`codefactory/debugInformation` → what a bug report needs. Neither code nor anything secret."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

from codefactory.server.app import version

if TYPE_CHECKING:
    from codefactory.server.app import Server


def register(server: Server) -> None:
    def on_debug_information(_: Any) -> dict[str, Any]:
        return information(server)

    server.on("codefactory/debugInformation", on_debug_information)


def information(server: Server) -> dict[str, Any]:
    capabilities = server.client.capabilities
    names = [name for name in capabilities.__slots__ if name != "options"]
    return {
        "version": version(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "client": {name: getattr(capabilities, name) for name in names},
        "folders": [folder.uri for folder in server.configuration.folders],
        "documents": [
            {"uri": s.uri, "version": s.version, "language": s.language, "contentHash": s.content_hash}
            for s in server.session.snapshots
        ],
        "jobs": [job.as_json() for job in server.jobs.running],
        "workers": list(server.analyses.analyzers.pids),
        "graphs": [server.graphs.state(folder.uri)[0] for folder in server.configuration.folders],
    }
