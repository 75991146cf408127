"""pygls' protocol without what we do ourselves: documents, command arguments, custom messages, the exit code."""

# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportPrivateUsage=false, reportIncompatibleVariableOverride=false
# (pygls' hooks are generators without type arguments, and taking one out means assigning None)

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from pygls.exceptions import JsonRpcInvalidParams
from pygls.protocol import JsonRPCNotification, JsonRPCRequestMessage, LanguageServerProtocol, lsp_method

if TYPE_CHECKING:
    import logging
    from collections.abc import Generator, Mapping

    from lsprotocol import types

PREFIX = "codefactory/"
"""Of our own requests and notifications. Their parameters stay plain JSON."""


class Encoded(bytes):
    """A request's result as JSON already, made off the loop: encoding megabytes would stop it."""

    __slots__ = ()


class Protocol(LanguageServerProtocol):
    """Taken out: pygls' documents, which split lines at form feeds and crash on empty texts. `session.py` owns ours."""

    lsp_text_document__did_open = None
    lsp_text_document__did_change = None
    lsp_text_document__did_close = None
    lsp_workspace__did_change_workspace_folders = None

    @lsp_method("workspace/executeCommand")
    def lsp_workspace__execute_command(self, params: types.ExecuteCommandParams) -> Generator[Any, Any, Any]:
        """Commands get their arguments as plain JSON and check them themselves."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"There is no command {params.command!r}.")
        return (yield handler, tuple(params.arguments or ()), {})

    def encode(self, message: object) -> bytes:
        """A message with its header, from any thread."""
        body = json.dumps(message, default=self._serialize_message).encode()
        return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)

    def send(self, message: bytes) -> None:
        """What `encode` made. On the event loop."""
        if self.writer is not None:
            self.writer.write(message)

    def _send_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if error is None and isinstance(result, Encoded):
            body = b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (json.dumps(msg_id).encode(), result)
            self.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        else:
            super()._send_response(msg_id, result, error)

    def plain(self, value: object) -> Any:
        """As plain JSON, from any thread: the loop then has less to do when it sends it."""
        return self._converter.unstructure(value)

    def structure_message(self, data: dict[str, Any]) -> Any:
        if "jsonrpc" in data and str(data.get("method", "")).startswith(PREFIX):
            params = data.get("params")
            if "id" in data:
                return JsonRPCRequestMessage(data["id"], data["method"], data["jsonrpc"], params)
            return JsonRPCNotification(data["method"], data["jsonrpc"], params)
        return super().structure_message(data)


def as_object(value: object) -> Mapping[str, Any]:
    """JSON as it comes from the client; pygls makes named tuples of objects in answers."""
    if hasattr(value, "_asdict"):
        return cast("Mapping[str, Any]", cast("Any", value)._asdict())
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def without_payload(record: logging.LogRecord) -> bool:
    """A logging filter: pygls puts whole messages, secrets included, into what it logs. What happened is kept."""
    error = record.exc_info[0] if record.exc_info else None
    if record.args or error:
        record.msg = re.sub(r"%[sr]", "…", str(record.msg)) + (f" ({error.__name__})" if error else "")
        record.args, record.exc_info, record.exc_text = (), None, None
    return True
