"""`Editor`: a language client with buffers, over a real server process and real standard streams.

It keeps documents as an editor does, checks the versions of edits before it applies them, and works positions out by
itself, so that client and server can be compared.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import LanguageClient
from pytest_lsp.client import register_lsp_features

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

TIMEOUT_S = 20.0
SERVER = (sys.executable, "-I", "-m", "codefactory.server", "--stdio")


@dataclass
class Buffer:
    text: str
    version: int


@dataclass
class Editor:
    client: LanguageClient
    encoding: str = "utf-16"
    versioned: bool = True
    buffers: dict[str, Buffer] = field(default_factory=dict)
    published: dict[str, types.PublishDiagnosticsParams] = field(default_factory=dict)
    history: list[types.PublishDiagnosticsParams] = field(default_factory=list)
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    questions: list[str] = field(default_factory=list)
    answer: str | None = "Apply"
    """What the user says to every question."""
    before_edit: Callable[[], None] = lambda: None
    """What the user does just before an edit of the server arrives."""
    apply_edits: Callable[[str, Sequence[Any]], None] = lambda _uri, _edits: None
    """What the editor does with edits for the right version: `edit_buffer`, unless a test says otherwise."""
    refusals: int = 0
    """How many edits were refused because of their version."""
    edits: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.apply_edits = self.edit_buffer
        features: dict[str, Callable[..., Any]] = {
            types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS: self._on_diagnostics,
            types.WORKSPACE_APPLY_EDIT: self._on_edit,
            types.WINDOW_SHOW_MESSAGE_REQUEST: self._on_question,
            "codefactory/job": self._on_job,
        }
        self.client.protocol.fm.features.update(features)

    # What the user does

    def open(self, uri: str, text: str, language: str = "python", version: int = 1) -> str:
        self.buffers[uri] = Buffer(text, version)
        self.client.text_document_did_open(
            types.DidOpenTextDocumentParams(types.TextDocumentItem(uri, language, version, text))
        )
        return uri

    def replace(self, uri: str, start: int, end: int, new: str) -> None:
        """Type `new` over the characters from offset `start` up to `end`."""
        buffer = self.buffers[uri]
        change = types.TextDocumentContentChangePartial(self.range(buffer.text, start, end), new)
        buffer.text = buffer.text[:start] + new + buffer.text[end:]
        self._send(uri, [change])

    def insert(self, uri: str, offset: int, new: str) -> None:
        self.replace(uri, offset, offset, new)

    def rewrite(self, uri: str, text: str) -> None:
        """As a client without incremental sync."""
        self.buffers[uri].text = text
        self._send(uri, [types.TextDocumentContentChangeWholeDocument(text)])

    def close(self, uri: str) -> None:
        del self.buffers[uri]
        self.client.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri)))

    def _send(self, uri: str, changes: Sequence[types.TextDocumentContentChangeEvent]) -> None:
        buffer = self.buffers[uri]
        buffer.version += 1
        identifier = types.VersionedTextDocumentIdentifier(buffer.version, uri)
        self.client.text_document_did_change(types.DidChangeTextDocumentParams(identifier, list(changes)))

    # What the user sees

    def text(self, uri: str) -> str:
        return self.buffers[uri].text

    async def diagnostics(
        self, uri: str, until: Callable[[list[types.Diagnostic]], bool] = lambda _: True
    ) -> list[types.Diagnostic]:
        """Those of the buffer's version, once they are as wanted."""
        version = self.buffers[uri].version

        def seen() -> bool:
            latest = self.published.get(uri)
            return latest is not None and latest.version == version and until(list(latest.diagnostics))

        await self.wait(seen, lambda: f"{codes(self.published[uri].diagnostics) if uri in self.published else None}")
        return list(self.published[uri].diagnostics)

    async def codes(self, uri: str, *wanted: str) -> list[str]:
        """Wait until the codes shown are exactly these, in any order."""
        return codes(await self.diagnostics(uri, lambda found: sorted(codes(found)) == sorted(wanted)))

    async def wait(self, condition: Callable[[], bool], state: Callable[[], str] = lambda: "") -> None:
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while not condition():
                    self.changed.clear()
                    with suppress(TimeoutError):  # some conditions are about the world outside
                        await asyncio.wait_for(self.changed.wait(), 0.05)
        except TimeoutError:
            raise AssertionError(f"waited in vain; last seen: {state()}") from None

    async def actions(
        self,
        uri: str,
        start: int,
        end: int | None = None,
        only: Sequence[str] | None = None,
        trigger: types.CodeActionTriggerKind | None = None,
    ) -> list[types.CodeAction]:
        where = self.range(self.text(uri), start, start if end is None else end)
        context = types.CodeActionContext([], list(only) if only is not None else None, trigger)
        params = types.CodeActionParams(types.TextDocumentIdentifier(uri), where, context)
        found = await self.client.text_document_code_action_async(params)
        return [action for action in found or () if isinstance(action, types.CodeAction)]

    async def run(self, command: types.Command | str | None, *arguments: Any) -> Any:
        if isinstance(command, types.Command):
            return await self.execute(command.command, *(command.arguments or ()))
        assert command is not None, "this action has no command"
        return await self.execute(command, *arguments)

    async def execute(self, command: str, *arguments: Any) -> Any:
        params = types.ExecuteCommandParams(command, list(arguments))
        return plain(await self.client.workspace_execute_command_async(params))

    async def job(self, job_id: str) -> dict[str, Any]:
        """The last word of a job."""

        def ended() -> bool:
            return any(job["state"] != "running" for job in self.jobs.get(job_id, ()))

        await self.wait(ended, lambda: str(self.jobs.get(job_id)))
        return self.jobs[job_id][-1]

    async def request(self, method: str, params: dict[str, Any]) -> Any:
        return plain(await self.client.protocol.send_request_async(method, params))

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.client.protocol.notify(method, params)

    @property
    def messages(self) -> list[str]:
        return [message.message for message in self.client.messages]

    @property
    def pid(self) -> int:
        server = self.client._server
        assert server is not None
        return server.pid

    # Positions, worked out independently of the server

    def range(self, text: str, start: int, end: int) -> types.Range:
        return types.Range(self.position(text, start), self.position(text, end))

    def position(self, text: str, offset: int) -> types.Position:
        ends = [m.end() for m in re.finditer(r"\r\n|\n|\r", text) if m.end() <= offset]
        start = ends[-1] if ends else 0
        return types.Position(len(ends), units(text[start:offset], self.encoding))

    def offset(self, text: str, position: types.Position) -> int:
        starts = [0, *(m.end() for m in re.finditer(r"\r\n|\n|\r", text))]
        offset = starts[position.line]
        left = position.character
        while left > 0:
            left -= units(text[offset], self.encoding)
            offset += 1
        assert left == 0, "the position is inside a character"
        return offset

    # What the server asks for

    def _on_diagnostics(self, params: types.PublishDiagnosticsParams) -> None:
        self.published[params.uri] = params
        self.history.append(params)
        self.changed.set()

    def _on_question(self, params: types.ShowMessageRequestParams) -> types.MessageActionItem | None:
        self.questions.append(params.message)
        self.changed.set()
        return types.MessageActionItem(self.answer) if self.answer else None

    def _on_job(self, params: Any) -> None:
        job = plain(params)
        self.jobs.setdefault(job["id"], []).append(job)
        self.changed.set()

    def _on_edit(self, params: types.ApplyWorkspaceEditParams) -> types.ApplyWorkspaceEditResult:
        self.before_edit()
        edit = params.edit
        assert (edit.document_changes is None) != self.versioned, "the client said whether it knows versioned edits"
        for change in edit.document_changes or ():
            assert isinstance(change, types.TextDocumentEdit)
            uri, version = change.text_document.uri, change.text_document.version
            if uri not in self.buffers and version is None:
                return self._edit_closed(uri, change.edits)
            if uri not in self.buffers or self.buffers[uri].version != version:
                self.refusals += 1
                return types.ApplyWorkspaceEditResult(False, "the document has another version")
            self.apply_edits(uri, change.edits)
        for uri, edits in (edit.changes or {}).items():
            self.apply_edits(uri, edits)
        return types.ApplyWorkspaceEditResult(True)

    def edit_buffer(self, uri: str, edits: Sequence[Any]) -> None:
        buffer = self.buffers[uri]
        text = buffer.text
        placed = [(self.offset(text, e.range.start), self.offset(text, e.range.end), e.new_text) for e in edits]
        for start, end, new in sorted(placed, reverse=True):
            self.replace_quietly(uri, start, end, new)
        self.edits += 1
        self._send(uri, [types.TextDocumentContentChangeWholeDocument(buffer.text)])

    def replace_quietly(self, uri: str, start: int, end: int, new: str) -> None:
        buffer = self.buffers[uri]
        buffer.text = buffer.text[:start] + new + buffer.text[end:]

    def _edit_closed(self, uri: str, edits: Sequence[Any]) -> types.ApplyWorkspaceEditResult:
        """As VS Code: opens the file and edits the buffer."""
        self.open(uri, Path(unquote(urlsplit(uri).path)).read_bytes().decode())
        self.apply_edits(uri, edits)
        return types.ApplyWorkspaceEditResult(True)


def children(pid: int) -> list[int]:
    """The processes a process has started. Linux only."""
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for listed in lists for child in listed.split()]


def units(text: str, encoding: str) -> int:
    if encoding == "utf-32":
        return len(text)
    return len(text.encode("utf-8")) if encoding == "utf-8" else len(text.encode("utf-16-le")) // 2


def codes(diagnostics: Sequence[types.Diagnostic]) -> list[str]:
    return [str(d.code) for d in diagnostics]


def plain(value: Any) -> Any:
    """pygls gives the results of custom methods as named tuples."""
    if hasattr(value, "_asdict"):
        return {key: plain(item) for key, item in value._asdict().items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def capabilities(**changed: Any) -> types.ClientCapabilities:
    """Those of a modern client that gets its diagnostics pushed."""
    text_document = types.TextDocumentClientCapabilities(
        publish_diagnostics=types.PublishDiagnosticsClientCapabilities(version_support=True),
        code_action=types.CodeActionClientCapabilities(
            is_preferred_support=True,
            disabled_support=True,
            tag_support=types.CodeActionTagOptions([types.CodeActionTag.LlmGenerated])
            if changed.get("llm_tag")
            else None,
            code_action_literal_support=types.ClientCodeActionLiteralOptions(
                types.ClientCodeActionKindOptions([types.CodeActionKind.QuickFix])
            ),
        ),
        diagnostic=types.DiagnosticClientCapabilities() if changed.get("pull") else None,
    )
    versioned = changed.get("versioned", True)
    return types.ClientCapabilities(
        text_document=text_document,
        workspace=types.WorkspaceClientCapabilities(
            apply_edit=True,
            configuration=True,
            workspace_folders=True,
            workspace_edit=types.WorkspaceEditClientCapabilities(document_changes=versioned),
            diagnostics=types.DiagnosticWorkspaceClientCapabilities(refresh_support=True),
        ),
        window=types.WindowClientCapabilities(work_done_progress=changed.get("progress", True)),
        general=types.GeneralClientCapabilities(position_encodings=[changed.get("encoding", "utf-16")]),
    )


def _converter() -> Any:
    """lsprotocol takes every code action that has a command for a bare command."""
    converter = default_converter()

    def structure(value: Any, _: type) -> types.Command | types.CodeAction:
        bare = isinstance(value.get("command"), str)
        return converter.structure(value, types.Command if bare else types.CodeAction)

    converter.register_structure_hook(types.Command | types.CodeAction, structure)
    return converter


@asynccontextmanager
async def serving(
    *folders: Path,
    settings: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    environment: dict[str, str] | None = None,
    command: Sequence[str] = SERVER,
    **capable: Any,
) -> AsyncIterator[Editor]:
    """An editor with a server of its own. `settings`: the section "codefactory"; `options`: initializationOptions;
    `capable`: see `capabilities`."""
    client = LanguageClient(converter_factory=_converter, configuration={"": {"codefactory": settings or {}}})
    register_lsp_features(client)
    await client.start_io(*command, env=os.environ | (environment or {}))
    editor = Editor(client, capable.get("encoding", "utf-16"), capable.get("versioned", True))
    await client.initialize_session(
        types.InitializeParams(
            capabilities=capabilities(**capable),
            workspace_folders=[types.WorkspaceFolder(f.as_uri(), f.name) for f in folders],
            initialization_options={"notifications": True} | (options or {}),
        )
    )
    try:
        yield editor
    finally:
        await asyncio.wait_for(client.shutdown_session(), TIMEOUT_S)
        await client.stop()
