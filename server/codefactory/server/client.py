"""`Client`: what the server says to the editor."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lsprotocol import types

from . import convert
from .apply import Answer
from .capabilities import Capabilities

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
    from typing import TypeVar

    from codefactory.analyzers import Encoding, Snapshot, TextEdit

    from .app import Server
    from .jobs import Job

    T = TypeVar("T")

log = logging.getLogger(__name__)
Kind = Literal["error", "warning", "info"]
_KINDS = {
    "error": types.MessageType.Error,
    "warning": types.MessageType.Warning,
    "info": types.MessageType.Info,
}
PATIENCE_S = 10.0
"""For answers that need no person."""


@dataclass(slots=True)
class _Progress:
    begun: bool = False
    ended: bool = False


class Client:
    """For the event loop only. `capabilities` is set when the client has introduced itself."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._shown: set[str] = set()
        self._receivers: dict[str, Callable[[str], None]] = {}
        self._progress: dict[str, _Progress] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self.capabilities = Capabilities()

    @property
    def encoding(self) -> Encoding:
        return self.capabilities.encoding

    def show(self, message: str, kind: Kind = "info") -> None:
        self._server.window_show_message(types.ShowMessageParams(_KINDS[kind], message))

    def show_once(self, message: str, kind: Kind = "warning") -> None:
        """The same message is shown once in a session."""
        if message not in self._shown:
            self._shown.add(message)
            self.show(message, kind)

    async def ask(self, message: str, answers: Sequence[str]) -> str | None:
        """Let the user choose; None when they closed the question."""
        actions = [types.MessageActionItem(answer) for answer in answers]
        params = types.ShowMessageRequestParams(types.MessageType.Info, message, actions)
        chosen = await asyncio.shield(self._server.window_show_message_request_async(params))
        return chosen.title if chosen else None

    def encode_diagnostics(self, uri: str, version: int | None, diagnostics: Sequence[convert.Json]) -> bytes:
        """A whole message for `send`. From any thread: with many diagnostics it takes a while."""
        params: dict[str, Any] = {"uri": uri, "diagnostics": diagnostics}
        if version is not None:
            params["version"] = version
        message = {"jsonrpc": "2.0", "method": types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, "params": params}
        return self._server.protocol.encode(message)

    def send(self, message: bytes) -> None:
        self._server.protocol.send(message)

    def publish(self, uri: str, version: int | None, diagnostics: Sequence[convert.Json]) -> None:
        self.send(self.encode_diagnostics(uri, version, diagnostics))

    def refresh_diagnostics(self) -> None:
        """Ask a client that pulls to pull again."""
        if self.capabilities.pulls_diagnostics and self.capabilities.refreshes_diagnostics:
            self._spawn(self._server.workspace_diagnostic_refresh_async(None))

    def refresh_lenses(self) -> None:
        """Ask the client to ask for code lenses again."""
        if self.capabilities.refreshes_lenses:
            self._spawn(self._server.workspace_code_lens_refresh_async(None))

    async def configuration(self, section: str, scopes: Sequence[str | None]) -> list[Any]:
        """The section for each scope URI. Raises TimeoutError."""
        items = [types.ConfigurationItem(scope_uri=scope, section=section) for scope in scopes]
        params = types.ConfigurationParams(items)
        return list(await self._reply(self._server.workspace_configuration_async(params)))

    async def register(self, registrations: Sequence[types.Registration]) -> None:
        params = types.RegistrationParams(registrations)
        await self._reply(self._server.client_register_capability_async(params))

    async def apply_edit(self, edits: Sequence[TextEdit], snapshot: Snapshot, label: str) -> Answer:
        capabilities = self.capabilities
        if not capabilities.applies_edits:
            return Answer(False, "this editor cannot apply edits for a language server")
        edit = convert.workspace_edit(edits, snapshot, self.encoding, versioned=capabilities.versioned_edits)
        params = types.ApplyWorkspaceEditParams(edit, label)
        try:
            result = await asyncio.shield(self._server.workspace_apply_edit_async(params))
        except Exception as error:
            log.exception("workspace/applyEdit failed")
            return Answer(False, str(error) or type(error).__name__)
        return Answer(result.applied, result.failure_reason)

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """A notification of ours, for clients that asked for them: others may warn of what they do not know."""
        if self.capabilities.notifications:
            self._server.protocol.notify(method, dict(params))

    def notify_known(self, method: str, params: Mapping[str, Any]) -> None:
        """A notification that belongs to a request of ours, which the client knows."""
        self._server.protocol.notify(method, dict(params))

    @contextmanager
    def receiving(self, call: str, take: Callable[[str], None]) -> Generator[None]:
        """Hand over what the client streams for a call of ours."""
        self._receivers[call] = take
        try:
            yield
        finally:
            del self._receivers[call]

    def received(self, call: str, text: str) -> None:
        """What comes for a call that has ended is dropped."""
        if take := self._receivers.get(call):
            take(text)

    async def request(self, method: str, params: Mapping[str, Any]) -> Any:
        """A request of ours, for clients that know it."""
        return await asyncio.shield(self._server.protocol.send_request_async(method, dict(params)))

    def job_changed(self, job: Job) -> None:
        self.notify("codefactory/job", job.as_json())
        if not self.capabilities.progress:
            return
        progress = self._progress.get(job.id)
        if progress is None:
            progress = self._progress[job.id] = _Progress()
            self._spawn(self._begin(job, progress))
        if job.state != "running":
            progress.ended = True
        if progress.begun:
            self._report(job, progress)

    async def _begin(self, job: Job, progress: _Progress) -> None:
        try:
            params = types.WorkDoneProgressCreateParams(job.id)
            await self._reply(self._server.window_work_done_progress_create_async(params))
        except Exception:
            log.exception("the client refused a progress token")
            self._progress.pop(job.id, None)
            return
        begin = types.WorkDoneProgressBegin(title=job.title, message=job.message, cancellable=True)
        self._server.work_done_progress.begin(job.id, begin)
        progress.begun = True
        if progress.ended:
            self._report(job, progress)

    def _report(self, job: Job, progress: _Progress) -> None:
        if progress.ended:
            self._server.work_done_progress.end(job.id, types.WorkDoneProgressEnd(message=job.message))
            self._server.work_done_progress.tokens.pop(job.id, None)  # pyright: ignore[reportUnknownMemberType]  (pygls)
            self._progress.pop(job.id, None)
        else:
            self._server.work_done_progress.report(job.id, types.WorkDoneProgressReport(message=job.message))

    async def _reply(self, reply: Awaitable[T]) -> T:
        """Shielded: pygls cannot stand a cancelled wait for an answer that comes after all (pygls#621)."""
        return await asyncio.wait_for(asyncio.shield(reply), PATIENCE_S)

    def _spawn(self, work: Awaitable[Any]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("a request to the client failed")

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
