"""`OpenAICompatibleModel`: a model behind OpenAI's protocol, asked directly over HTTP.

The protocol has dialects. What a server says it does not know is left out, for the rest of the model's life, and the
request is sent again: it was refused before anything was computed.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Unpack, cast
from urllib.parse import urlsplit

from .http_client import client, way_to
from .model import Chunk, ModelError
from .openai_wire import ReplyReader, error_of, request_body
from .provider_error import environment_secrets, explain, masked, timed_out
from .retries import Retries
from .silence import SilenceTimer
from .sse import EventDecoder, EventTooLongError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from httpx import HTTPError, Response

    from .model import Message, Options, Price

OPENAI = "https://api.openai.com/v1"
CHARACTERS_PER_TOKEN = 64
"""More than any tokenizer makes of one token on average: a stream beyond that ignores its own limit."""
ADAPTABLE = ("stream_options", "strict", "response_format", "seed", "temperature", "stop", "max_tokens")
"""What a server may refuse and the request can do without, or say in another way."""
_UNSUPPORTED = re.compile(
    r"unsupported|not support|n't support|unknown|unrecogni[sz]ed|unexpected|unavailable|not (allowed|permitted)"
    r"|extra (inputs|fields)|only the default",
    re.IGNORECASE,
)
_MAX_ERROR_BYTES = 65_536
_DRAIN_S = 0.25
_LARGE = 200_000
"""Characters of messages that are made into JSON in a thread."""


class OpenAICompatibleModel:
    """See the `Model` protocol.

    `base_url`: what comes before "/chat/completions". `model`: what the server calls it; None: `name` without its first
    part. `timeout_s`: the longest silence between two pieces of a reply; `first_token_timeout_s`: before the first;
    None: the same. `headers`: e.g. an organisation's. `price`: by which the cost is reckoned; None: it is unknown.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        api_key: str | None = None,
        model: str | None = None,
        timeout_s: float = 60.0,
        first_token_timeout_s: float | None = None,
        headers: Mapping[str, str] | None = None,
        proxy: str | None = None,
        ca_bundle: Path | None = None,
        price: Price | None = None,
        retries: Retries | None = None,
    ) -> None:
        self._name = name
        self._base_url = base_url.rstrip("/")
        self._model = model or name.partition("/")[2] or name
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._first_token_timeout_s = first_token_timeout_s or timeout_s
        self._headers = dict(headers or {})
        self._proxy = proxy
        self._way = way_to(base_url, proxy, ca_bundle)
        self._price = price
        self._retries = retries or Retries()
        self._adapted: set[str] = set()

    def __repr__(self) -> str:
        return f"OpenAICompatibleModel({self._name!r})"

    @property
    def name(self) -> str:
        return self._name

    async def price(self) -> Price | None:
        return self._price

    async def complete(
        self, messages: Sequence[Message], *, max_output_tokens: int, **options: Unpack[Options]
    ) -> AsyncGenerator[Chunk]:
        if not self._base_url.startswith(("http://", "https://")):
            raise ModelError("fatal", f"{self._name}: codefactory.model.apiBase has to begin with http:// or https://.")
        body = request_body(self._model, messages, max_output_tokens=max_output_tokens, **options)
        allowed = max_output_tokens * CHARACTERS_PER_TOKEN
        async with aclosing(self._retries.stream(self._name, lambda: self._adapting(body, allowed))) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _adapting(self, body: Mapping[str, Any], allowed: int) -> AsyncGenerator[Chunk]:
        """One request in the server's dialect."""
        while True:
            try:
                async with aclosing(self._request(self._in_dialect(body), allowed)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except _RefusedError as refused:
                if refused.parameter is None or refused.parameter in self._adapted:
                    raise refused.error from None
                self._adapted.add(refused.parameter)
            else:
                return

    def _in_dialect(self, body: Mapping[str, Any]) -> dict[str, Any]:
        said = dict(body)
        for parameter in self._adapted & said.keys():
            value = said.pop(parameter)
            if parameter == "max_tokens":
                said["max_completion_tokens"] = value
        if "strict" in self._adapted and "response_format" in said:
            form: dict[str, Any] = said["response_format"]
            said["response_format"] = {**form, "json_schema": {**form["json_schema"], "strict": False}}
        return said

    async def _request(self, body: dict[str, Any], allowed: int) -> AsyncGenerator[Chunk]:
        import httpx

        http = await client(self._way)
        large = sum(len(str(m["content"])) for m in body["messages"]) > _LARGE
        content = await asyncio.to_thread(_encoded, body) if large else _encoded(body)
        request = http.build_request(
            "POST", f"{self._base_url}/chat/completions", content=content, headers=self._request_headers()
        )
        deadline_s = asyncio.get_running_loop().time() + self._first_token_timeout_s
        response: Response | None = None
        try:
            async with asyncio.timeout_at(deadline_s):
                response = await http.send(request, stream=True)
                if response.status_code != 200:
                    raise await self._refusal(response, body)
            async with aclosing(self._reply(response, deadline_s, allowed)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except TimeoutError:
            raise timed_out(self._name, self._first_token_timeout_s) from None
        except httpx.HTTPError as error:
            raise self._broken(error) from None
        finally:
            if response is not None:
                await response.aclose()

    async def _reply(self, response: Response, deadline_s: float, allowed: int) -> AsyncGenerator[Chunk]:
        """What a server that accepted the request sends."""
        if response.headers.get("content-type", "").startswith("application/json"):
            async for chunk in self._whole(response, deadline_s):
                yield chunk
            return
        reader, events = ReplyReader(self._price), EventDecoder()
        done = False
        received = response.aiter_bytes() if "content-encoding" in response.headers else response.aiter_raw()
        with SilenceTimer(deadline_s) as silence:
            while (data := await self._next(silence, received, done=done)) is not None:
                try:
                    ended = events.feed(data)
                except EventTooLongError as error:
                    raise ModelError("invalid", f"{self._name}: the server sends {error}.") from None
                for event in ended:
                    if done or event.strip() == b"[DONE]":
                        done = True
                    elif text := reader.read(self._decoded(event, reader)):
                        if reader.characters > allowed:
                            raise self._endless(allowed)
                        yield Chunk(text)
                if ended:
                    silence.allow(_DRAIN_S if done else self._timeout_s)
        if not reader.answered:
            raise self._no_completion()
        if not (reader.complete or done):
            raise ModelError("transient", f"{self._name}: the server closed the connection before the reply's end.")
        yield reader.last()

    async def _whole(self, response: Response, deadline_s: float) -> AsyncGenerator[Chunk]:
        """The answer of a server that does not stream."""
        reader = ReplyReader(self._price)
        async with asyncio.timeout_at(deadline_s):
            content = await response.aread()
        if text := reader.read(self._decoded(content, reader)):
            yield Chunk(text)
        if not reader.answered:
            raise self._no_completion()
        yield reader.last()

    async def _next(self, silence: SilenceTimer, received: AsyncIterator[bytes], *, done: bool) -> bytes | None:
        """None at the end; also where only the end of the connection's use is still missing."""
        try:
            return await silence.next(received)
        except TimeoutError:
            if done:
                return None
            raise timed_out(self._name, self._timeout_s) from None

    def _decoded(self, event: bytes, reader: ReplyReader) -> dict[str, Any]:
        try:
            data: Any = json.loads(event.decode("utf-8", "replace"))
        except ValueError:
            if not reader.answered:
                raise self._no_completion() from None
            raise ModelError("transient", f"{self._name}: the server sends something that is no JSON.") from None
        if not isinstance(data, dict):
            return {}
        if "choices" in data and "error" not in data:
            return cast("dict[str, Any]", data)
        if error := error_of(cast("dict[str, Any]", data)):
            message, code, _ = error
            status = int(code) if code.isdigit() and 400 <= int(code) < 600 else 500
            failure = explain(self._name, message, status=status, secrets=self._secrets())
            failure.unreported = 1
            raise failure
        return cast("dict[str, Any]", data)

    async def _refusal(self, response: Response, body: Mapping[str, Any]) -> Exception:
        """What to raise for an answer with an error's status."""
        status = response.status_code
        if 300 <= status < 400:
            where = masked(response.headers.get("location", "another address"), self._secrets())
            return ModelError(
                "fatal", f"{self._name}: the server has moved to {where}. Set codefactory.model.apiBase.", unreported=0
            )
        pieces: list[bytes] = []
        size = 0
        async for piece in response.aiter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > _MAX_ERROR_BYTES:
                break
        said = b"".join(pieces)[:_MAX_ERROR_BYTES].decode("utf-8", "replace")
        try:
            found = error_of(json.loads(said))
        except ValueError:
            found = None
        message, code, parameter = found or ("" if said.lstrip().startswith("<") else said, "", "")
        words = f"{message} {code}" if code and code not in message else message
        error = explain(
            self._name,
            words,
            status=status,
            headers=response.headers,
            secrets=self._secrets(),
            timeout_s=self._timeout_s,
        )
        if error.category == "fatal" and status in {400, 404, 422, 501}:
            return _RefusedError(error, _refused_parameter(body, message, code, parameter))
        return error

    def _broken(self, error: HTTPError) -> ModelError:
        import httpx

        never_sent = (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
        said = masked(str(error) or type(error).__name__, self._secrets())
        if isinstance(error, httpx.ProxyError):
            return ModelError(
                "transient",
                f"{self._name}: the proxy refuses the connection ({said}). Check codefactory.model.proxy, or "
                "HTTPS_PROXY in the environment.",
                unreported=0,
            )
        if "CERTIFICATE_VERIFY_FAILED" in said:
            return ModelError(
                "fatal",
                f"{self._name}: the server's certificate is not trusted ({said}). If your network has an authority of "
                "its own, name its PEM file in codefactory.model.caBundle.",
                unreported=0,
            )
        names = {cls.__name__ for cls in type(error).__mro__} | {"APIConnectionError"}
        found = explain(self._name, said, names=names)
        found.unreported = 0 if isinstance(error, never_sent) else 1
        return found

    def _no_completion(self) -> ModelError:
        return ModelError(
            "invalid",
            f"{self._name}: what came back is no completion. Check that codefactory.model.apiBase is the address of "
            "an OpenAI-compatible server (it usually ends in /v1).",
        )

    def _endless(self, allowed: int) -> ModelError:
        limit = allowed // CHARACTERS_PER_TOKEN
        return ModelError("invalid", f"{self._name}: the reply went on beyond its limit of {limit} tokens.")

    def _key(self) -> str | None:
        """A key of the environment goes to OpenAI only."""
        if self._api_key or not self._is_openai():
            return self._api_key
        return os.environ.get("OPENAI_API_KEY")

    def _is_openai(self) -> bool:
        return urlsplit(self._base_url).hostname == urlsplit(OPENAI).hostname

    def _request_headers(self) -> dict[str, str]:
        key = self._key()
        if key is None and self._is_openai():
            raise explain(self._name, "no API key is set", status=401)
        if key is not None and not (key.isascii() and key.isprintable()):
            raise ModelError(
                "authentication",
                f"{self._name}: the key has a line break or another character that no key has. Set it again.",
                unreported=0,
            )
        headers = {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
        headers |= {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return headers | self._headers

    def _secrets(self) -> frozenset[str]:
        """What must not occur in any message."""
        password = urlsplit(self._proxy).password if self._proxy else None
        given = (self._key() or "", *self._headers.values(), password or "", urlsplit(self._base_url).password or "")
        return environment_secrets().union(given)


class _RefusedError(Exception):
    """The server does not take a request. `parameter`: the one of ADAPTABLE that it says it does not know."""

    def __init__(self, error: ModelError, parameter: str | None) -> None:
        super().__init__(str(error))
        self.error = error
        self.parameter = parameter


def _refused_parameter(body: Mapping[str, Any], message: str, code: str, parameter: str) -> str | None:
    if not (code.startswith("unsupported") or _UNSUPPORTED.search(message)):
        return None
    if "max_tokens" in body and "max_completion_tokens" in message:
        return "max_tokens"
    strict = bool(body.get("response_format", {}).get("json_schema", {}).get("strict"))
    for name in ADAPTABLE:
        known = strict if name == "strict" else name in body
        words = r"json_schema|response_format" if name in {"response_format", "strict"} else name
        if known and (parameter.partition(".")[0] == name or re.search(rf"\b(?:{words})\b", message)):
            return name
    return None


def _encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
