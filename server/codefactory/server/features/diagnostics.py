"""Diagnostics: pushed as soon as a tool is done, or pulled by clients that ask."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from codefactory.analyzers import Problem, Severity
from codefactory.server import convert
from codefactory.server.analyses import FEW
from codefactory.server.session import key
from codefactory.server.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers import Encoding, Finding
    from codefactory.pipelines.settings import Level
    from codefactory.server.analyses import Checked
    from codefactory.server.app import Server
    from codefactory.server.shown import Shown

PATIENCE_S = 0.1
"""How long a pull waits for the slower tools once the first is done; then their findings come with a refresh."""


@dataclass(frozen=True, slots=True)
class Visible:
    """What a document's diagnostics are made of."""

    items: tuple[Shown, ...]
    problems: tuple[Problem, ...]


def register(server: Server) -> None:
    publisher = Publisher(server)
    owed: set[str] = set()
    """Documents whose pull was answered before all tools were done."""

    async def on_analysis(uri: str) -> None:
        if not server.client.capabilities.pulls_diagnostics:
            await publisher.publish(uri)
        checked = await server.analyses.current(uri)
        if checked is None:
            return
        for problem in checked.analysis.problems:
            if problem.kind in ("missing", "configuration"):
                server.client.show_once(problem.message)
        if checked.complete and key(uri) in owed:
            owed.discard(key(uri))
            server.client.refresh_diagnostics()

    async def on_pull(params: types.DocumentDiagnosticParams) -> Any:
        uri = params.text_document.uri
        await server.analyses.first(uri)
        again = server.client.capabilities.refreshes_diagnostics  # else what comes later would never be asked for
        checked = await server.analyses.complete(uri, PATIENCE_S if again else None)
        if checked is None:
            return {"kind": "full", "items": []}
        if not checked.complete:
            owed.add(key(uri))
        encoding, previous = server.client.encoding, params.previous_result_id
        imports = server.graphs.findings(checked.snapshot)
        return await asyncio.to_thread(report, checked, imports, encoding, previous)

    async def on_import_findings(uri: str) -> None:
        if server.client.capabilities.pulls_diagnostics:
            server.client.refresh_diagnostics()
        else:
            await publisher.publish(uri)

    server.graphs.finding_listeners.append(lambda uri: server.spawn(on_import_findings(uri)))
    server.analysis_listeners.append(lambda uri: server.spawn(on_analysis(uri)))
    options = types.DiagnosticOptions(
        inter_file_dependencies=True, workspace_diagnostics=False, identifier="codefactory"
    )
    server.on(types.TEXT_DOCUMENT_DIAGNOSTIC, on_pull, options)


class Publisher:
    """Pushes one document's diagnostics one after another, the latest ones last, and makes them off the loop."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._wanted: dict[str, bool] = {}
        """Documents being published → whether there is news already."""

    async def publish(self, uri: str) -> None:
        name = key(uri)
        if name in self._wanted:
            self._wanted[name] = True
            return
        try:
            self._wanted[name] = True
            while self._wanted[name]:
                self._wanted[name] = False
                await self._publish(uri)
        finally:
            del self._wanted[name]

    async def _publish(self, uri: str) -> None:
        checked = await self._server.analyses.current(uri)
        if checked is None:
            return
        snapshot, client = checked.snapshot, self._server.client
        imports = self._server.graphs.findings(snapshot)

        def make() -> bytes:
            return client.encode_diagnostics(uri, snapshot.version, diagnostics(checked, imports, client.encoding))

        message = make() if len(checked.analysis.findings) <= FEW else await asyncio.to_thread(make)
        if self._server.session.snapshot(uri) is snapshot:  # else the next analysis has newer ones
            client.send(message)


def visible(checked: Checked) -> Visible:
    """What is shown of an analysis under the document's settings."""
    minimum = Severity[checked.project.settings.diagnostics.minimum_severity.upper()]
    return Visible(shown(checked.analysis, minimum), checked.analysis.problems)


def import_diagnostics(checked: Checked, imports: Sequence[Finding], encoding: Encoding) -> tuple[convert.Json, ...]:
    """What the dependency graph says of the document, as far as its settings want it."""
    if not imports:
        return ()
    from codefactory.analyzers.graph.findings import CYCLE, UNRESOLVED

    settings = checked.project.settings.graph
    levels: dict[str, Level] = {UNRESOLVED: settings.unresolved, CYCLE: settings.cycles}
    text = checked.snapshot.lines
    return tuple(
        convert.import_diagnostic(finding, levels[finding.code], text, encoding)
        for finding in imports
        if levels[finding.code] != "off"
    )


def diagnostics(checked: Checked, imports: Sequence[Finding], encoding: Encoding) -> list[convert.Json]:
    seen = visible(checked)
    found = convert.diagnostics(seen.items, seen.problems, checked.snapshot, encoding)
    return [*found, *import_diagnostics(checked, imports, encoding)]


def report(checked: Checked, imports: Sequence[Finding], encoding: Encoding, previous: str | None) -> convert.Json:
    """A full report, or "unchanged" where the client has just this."""
    graph = checked.project.settings.graph
    result_id = f"{hash((checked.snapshot.text, visible(checked), tuple(imports), graph.unresolved, graph.cycles)):x}"
    if result_id == previous:
        return {"kind": "unchanged", "resultId": result_id}
    return {"kind": "full", "resultId": result_id, "items": diagnostics(checked, imports, encoding)}
