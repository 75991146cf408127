"""The wire format of OpenAI's chat completions, which most servers speak: requests to JSON, streamed answers from it.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from .model import Chunk, Finish, Message, ToolCall, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .model import Price, ToolSpec

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "filtered",
}


def request_body(
    model: str,
    messages: Sequence[Message],
    *,
    max_output_tokens: int,
    temperature: float = 0.0,
    stop: Sequence[str] = (),
    tools: Sequence[ToolSpec] = (),
    schema: Mapping[str, Any] | None = None,
    seed: int | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "model": model,
        "messages": [message_to_json(m) for m in messages],
        "max_tokens": max_output_tokens,
        "temperature": temperature,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if stop:
        body["stop"] = list(stop)
    if tools:
        body["tools"] = [tool_to_json(t) for t in tools]
    if schema is not None:
        form: dict[str, Any] = {"name": "reply", "schema": dict(schema)} | (
            {"strict": True} if is_strict(schema) else {}
        )
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if seed is not None:
        body["seed"] = seed
    return body


def is_strict(schema: Any) -> bool:
    """Whether OpenAI can hold a model to a schema exactly: every object is closed, every field required."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in cast("list[Any]", schema))
    if not isinstance(schema, dict):
        return True
    parts = cast("dict[str, Any]", schema)
    if isinstance(fields := parts.get("properties"), dict) or parts.get("type") == "object":
        required = {str(name) for name in parts.get("required", ())}
        if parts.get("additionalProperties") is not False or required != set(cast("dict[str, Any]", fields or {})):
            return False
    return all(is_strict(part) for part in parts.values())


def message_to_json(message: Message) -> dict[str, Any]:
    out: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        parts: list[dict[str, Any]] = [{"type": "text", "text": message.content}] if message.content else []
        for image in message.images:
            url = f"data:{image.media_type};base64,{base64.b64encode(image.data).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
        out["content"] = parts
    if message.tool_calls:
        out["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}}
            for c in message.tool_calls
        ]
    if message.tool_call_id is not None:
        out["tool_call_id"] = message.tool_call_id
    return out


def tool_to_json(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


@dataclass(slots=True)
class _PartialCall:
    id: str
    name: str
    arguments: list[str]


class ReplyReader:
    """Puts a streamed answer together. Text is given out as it comes, all else at the end by `last()`."""

    def __init__(self, price: Price | None = None) -> None:
        self.answered = False
        """Whether anything of a completion has come."""
        self.characters = 0
        """Of text and of tools' arguments so far."""
        self._price = price
        self._usage: Usage | None = None
        self._finish: Finish | None = None
        self._ended = False
        self._calls: dict[int, _PartialCall] = {}
        self._places: dict[int, int] = {}

    @property
    def complete(self) -> bool:
        """Whether the server has said why the reply ends. One that stops before has been cut off."""
        return self._ended

    def read(self, data: Mapping[str, Any]) -> str:
        """The text in one event, or in a whole answer. What is not as expected is passed over."""
        usage: Any = data.get("usage")
        if isinstance(usage, dict):
            self.answered = True
            self._usage = usage_of(cast("dict[str, Any]", usage))
        choices: Any = data.get("choices")
        if not choices or not isinstance(choices, list) or not isinstance(choices[0], dict):
            return ""
        choice = cast("dict[str, Any]", choices[0])
        self.answered = True
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self._ended = True
            self._finish = _FINISHES.get(reason)
        delta: Any = choice.get("delta") or choice.get("message")
        if not isinstance(delta, dict):
            return ""
        said = cast("dict[str, Any]", delta)
        if calls := said.get("tool_calls"):
            self._read_calls(calls)
        text = said.get("content")
        if not text and isinstance(refusal := said.get("refusal"), str):
            text = refusal
            self._finish = "filtered"
        if not isinstance(text, str):
            return ""
        self.characters += len(text)
        return text

    def last(self) -> Chunk:
        calls = tuple(ToolCall(c.id, c.name, "".join(c.arguments) or "{}") for c in self._calls.values())
        usage = self._usage or Usage()
        if self._price is not None:
            usage = _priced(usage, self._price)
        finish = "tool-calls" if calls and self._finish == "stop" else self._finish
        return Chunk("", usage, finish, calls)

    def _read_calls(self, calls: Any) -> None:
        if not isinstance(calls, list):
            return
        for position, part in enumerate(cast("list[Any]", calls)):
            if not isinstance(part, dict):
                continue
            piece = cast("dict[str, Any]", part)
            function: Any = piece.get("function")
            function = cast("dict[str, Any]", function) if isinstance(function, dict) else {}
            call = self._call(piece.get("index"), position, piece.get("id"))
            if isinstance(name := function.get("name"), str) and not call.name:
                call.name = name
            arguments: Any = function.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                arguments = json.dumps(arguments)  # some servers send an object
            if arguments:
                call.arguments.append(arguments)
                self.characters += len(arguments)

    def _call(self, index: Any, position: int, identity: Any) -> _PartialCall:
        """The call that a piece belongs to. Some servers number none, or all of them 0: then a new id is a new call."""
        given = index if isinstance(index, int) else position
        place = self._places.get(given)
        call = self._calls.get(place) if place is not None else None
        if call is None or (isinstance(identity, str) and identity and identity != call.id):
            place = self._places[given] = len(self._calls)
            name = identity if isinstance(identity, str) and identity else f"call_{place}"
            call = self._calls[place] = _PartialCall(name, "", [])
        return call


def usage_of(reported: Mapping[str, Any]) -> Usage:
    details: Any = reported.get("prompt_tokens_details")
    cached = (
        cast("dict[str, Any]", details).get("cached_tokens")
        if isinstance(details, dict)
        else reported.get("prompt_cache_hit_tokens")
    )
    return Usage(
        _count(reported.get("prompt_tokens")),
        _count(reported.get("completion_tokens")),
        cached_input_tokens=_count(cached),
    )


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _priced(usage: Usage, price: Price) -> Usage:
    return Usage(
        usage.input_tokens,
        usage.output_tokens,
        price.cost_usd(usage),
        usage.cached_input_tokens,
        usage.unreported,
    )


def error_of(data: Any) -> tuple[str, str, str] | None:
    """An error object's message, code and the parameter it names; None where the data holds no error.

    Servers write {"error": {"message", "code", "param"}}, {"error": "…"}, {"detail": "…"} or {"message": "…"}.
    """
    if not isinstance(data, dict):
        return None
    body = cast("dict[str, Any]", data)
    error: Any = body.get("error") or body.get("detail") or (None if "choices" in body else body.get("message"))
    if not error:
        return None
    if isinstance(error, dict):
        fields = cast("dict[str, Any]", error)
        words = fields.get("message") or json.dumps(fields)
        return str(words), str(fields.get("code") or ""), str(fields.get("param") or "")
    return error if isinstance(error, str) else json.dumps(error), "", ""
