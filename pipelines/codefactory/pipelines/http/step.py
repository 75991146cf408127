"""The `api` step: its settings, with secrets put in, become requests; answers become its output."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from codefactory.pipelines.engine.errors import StepError

from .answer import parsed, read_body, save_body, text_of
from .client import Client, Options, Sending, check_headers, parse_url
from .credentials import Auth, Credentials
from .failures import of_status
from .pages import Pages, items_of, next_url
from .rates import wait_for_turn
from .request import Part, file_body, form_body
from .schema import check

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    import httpx

    from codefactory.pipelines.definitions.steps.api import ApiConfig
    from codefactory.pipelines.engine import Context

_T = TypeVar("_T")
_ERROR_BYTES = 4_000
_AUTH: TypeAdapter[Auth | None] = TypeAdapter(Auth | None)
_PAGES: TypeAdapter[Pages | None] = TypeAdapter(Pages | None)


async def send(config: ApiConfig, ctx: Context) -> dict[str, Any]:
    """The step's output. Raises StepError."""
    given = {"url": config.url, "query": config.query, "headers": config.headers, "auth": config.auth}
    given |= {"json": config.json_, "form": config.form, "text": config.text}
    filled: dict[str, Any] = await ctx.with_secrets(given)
    auth, pages = _checked(_AUTH, filled["auth"], "auth"), _checked(_PAGES, config.pages, "pages")
    ca_file = None if config.ca_file is None else str(await _readable(config.ca_file, ctx))
    options = Options(config.timeout_s, min(10.0, config.timeout_s), config.redirects, ca_file)
    target = None if config.save_to is None else await _writable(config.save_to, ctx)
    async with Client(ctx.policy, options) as client:
        with ExitStack() as files:
            step = _Step(config, ctx, client, Credentials(auth, ctx.scope.run.hide))
            sending = await _prepared(config, filled, ctx, files)
            if query := step.credentials.query:
                sending = replace(sending, url=sending.url.copy_merge_params(query))
            return await step.one(sending, target) if pages is None else await step.all_pages(sending, pages)


class _Step:
    def __init__(self, config: ApiConfig, ctx: Context, client: Client, credentials: Credentials) -> None:
        self._config = config
        self._ctx = ctx
        self._client = client
        self._left = min(config.max_bytes or ctx.policy.max_response_bytes, ctx.policy.max_response_bytes)
        self.credentials = credentials

    async def one(self, sending: Sending, target: Path | None) -> dict[str, Any]:
        """With `target`, the body goes into that file."""
        async for answer in self._answers(sending):
            told = {"status": answer.status_code, "headers": _headers(answer)}
            if target is not None:
                limit = min(self._left, self._ctx.policy.max_file_bytes)
                return told | {"saved": await save_body(answer, target, limit)}
            body = await self._body(answer)
            self._check(body)
            return told | {"body": body}
        raise AssertionError("an answer or an error")

    async def all_pages(self, sending: Sending, pages: Pages) -> dict[str, Any]:
        items: list[Any] = []
        if pages.by == "page":
            sending = replace(sending, url=sending.url.copy_set_param(pages.parameter, str(pages.first)))
        for number in range(1, pages.limit + 1):
            following: httpx.URL | None = None
            async for answer in self._answers(sending):
                body = await self._body(answer)
                found = items_of(pages, body)
                items += found
                following = next_url(pages, sending.url, answer, body, number, len(found))
                if following is None or number == pages.limit:
                    self._check(items)
                    told = {"status": answer.status_code, "headers": _headers(answer), "body": items}
                    return told | {"pages": number, "more": following is not None}
            assert following is not None  # noqa: S101 else it was returned
            if following == sending.url:
                raise StepError("the next page is said to be this page", "invalid_output")
            sending = replace(sending, url=following)
        raise AssertionError("the last page was returned")

    async def _answers(self, sending: Sending) -> AsyncGenerator[httpx.Response]:
        """One answer that is no failure; after a second try where a token was refused that may have ended."""
        for anew in (False, True):
            with_auth = {**sending.headers, **await self.credentials.headers(self._client, anew=anew)}
            await self._turn(sending.url)
            with self._ctx.reserve(calls=1):
                async with self._client.exchange(replace(sending, headers=with_auth)) as answer:
                    self._audit(sending, answer)
                    if answer.status_code == 401 and self.credentials.renewable and not anew:
                        continue
                    if not answer.is_success and answer.status_code not in self._config.accept:
                        text = await text_of(answer, _ERROR_BYTES)
                        raise of_status(sending.method, sending.url, answer.status_code, answer.headers, text)
                    yield answer
                    return

    async def _turn(self, url: httpx.URL) -> None:
        if (rate := self._config.rate) is not None:
            await wait_for_turn(url.host, rate.requests, rate.per_s)

    def _audit(self, sending: Sending, answer: httpx.Response) -> None:
        url = answer.request.url
        address = self._client.guard.reached.get(url.raw_host.decode("ascii"))
        facts = {"method": sending.method, "host": url.host, "port": url.port, "address": address}
        self._ctx.audit("host_reached", **facts, status=answer.status_code)

    async def _body(self, answer: httpx.Response) -> Any:
        data = await read_body(answer, self._left, self._ctx.emit if self._config.stream else None)
        self._left -= len(data)
        return await parsed(data, answer, self._config.as_)

    def _check(self, body: Any) -> None:
        if self._config.response_schema is not None:
            check(body, self._config.response_schema)


async def _prepared(config: ApiConfig, filled: dict[str, Any], ctx: Context, files: ExitStack) -> Sending:
    headers: dict[str, str] = dict(filled["headers"])
    check_headers(headers)
    if config.idempotency_key:
        headers.setdefault("Idempotency-Key", ctx.idempotency_key())
    url = parse_url(filled["url"])
    if filled["query"]:
        url = url.copy_merge_params(filled["query"])
    body, own = await _body_of(config, filled, ctx, files)
    own = {name: value for name, value in own.items() if name not in {given.lower() for given in headers}}
    return Sending(config.method, url, {**own, **headers}, body or dict, body is not None)


async def _body_of(
    config: ApiConfig, filled: dict[str, Any], ctx: Context, files: ExitStack
) -> tuple[Callable[[], dict[str, Any]] | None, dict[str, str]]:
    """What makes the body, and the headers that go with it."""
    if config.file is not None:
        path = await _readable(config.file, ctx)
        return lambda: file_body(path)[0], file_body(path)[1]
    form: dict[str, Any] = filled["form"] or {}
    if config.files:
        parts: dict[str, Part] = {}
        for field, file in config.files.items():
            path = await _readable(file.path, ctx)
            parts[field] = Part(path, file.name or path.name, file.type)
        return lambda: form_body(form, parts, files), {}
    if filled["form"] is not None:
        return lambda: form_body(form, {}, files), {}
    if filled["text"] is not None:
        text: str = filled["text"]
        return lambda: {"content": text.encode()}, {"content-type": "text/plain; charset=utf-8"}
    if filled["json"] is not None:
        return lambda: {"json": filled["json"]}, {}
    return None, {}


def _headers(answer: httpx.Response) -> dict[str, str]:
    """Without cookies: they are the host's secrets."""
    return {name: value for name, value in answer.headers.items() if name != "set-cookie"}


async def _readable(text: str, ctx: Context) -> Path:
    return await asyncio.to_thread(_allowed, text, ctx.policy.read, ctx.policy.refuse_read)


async def _writable(text: str, ctx: Context) -> Path:
    return await asyncio.to_thread(_allowed, text, ctx.policy.write, ctx.policy.refuse_write)


def _allowed(text: str, roots: tuple[Path, ...], refuse: Callable[[Path], str | None]) -> Path:
    """The real path; a relative one is taken from the policy's first folder."""
    path = (roots[0] / text if roots else Path(text)).resolve()
    if (refusal := refuse(path)) is not None:
        raise StepError(refusal)
    return path


def _checked(adapter: TypeAdapter[_T], value: Any, name: str) -> _T:
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in (name, *first["loc"]))
        raise StepError(f"its setting `{place}` is not valid: {first['msg']}") from None
