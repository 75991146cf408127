"""One exchange with a host: checked before each connection, redirects followed by us, bounded."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

import httpx

from codefactory.pipelines.engine.errors import StepError

from .connecting import Guard, Resolve, Transport, system_addresses, trust
from .decoding import ACCEPTED
from .failures import FAILURES, of_exception, shown

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from types import TracebackType

    from codefactory.pipelines.policy import AccessPolicy

_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_KEPT_ELSEWHERE = frozenset(("accept", "accept-language", "user-agent"))
"""Headers that another host gets after a redirect."""
_OURS = frozenset(("host", "content-length", "transfer-encoding", "connection", "accept-encoding", "expect", "upgrade"))
"""Headers that frame a request: given by a step, they could make two of one."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A request, made anew for each try: a body that is streamed can be sent only once."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: Callable[[], dict[str, Any]] = field(default=dict)
    """The arguments of `httpx.Request` for the body."""
    has_body: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    timeout_s: float = 30.0
    """For each answer, its body included."""
    connect_timeout_s: float = 10.0
    redirects: int = 5
    ca_file: str | None = None


class Client:
    """For one step. What `exchange` raises is a StepError."""

    def __init__(
        self, policy: AccessPolicy, options: Options | None = None, resolve: Resolve = system_addresses
    ) -> None:
        self._options = options or Options()
        self.guard = Guard(policy, resolve)
        self._transport: Transport | None = None

    async def __aenter__(self) -> Self:
        self._transport = Transport(self.guard, await asyncio.to_thread(trust, self._options.ca_file))
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._transport is not None:
            await self._transport.aclose()

    @asynccontextmanager
    async def exchange(self, sending: Sending) -> AsyncGenerator[httpx.Response]:
        """The answer, after redirects, its body not read yet. Bounded in time as a whole, the block included."""
        timer = asyncio.timeout(self._options.timeout_s)
        answer: httpx.Response | None = None
        try:
            async with timer:
                answer = await self._followed(sending)
                yield answer
        except TimeoutError as error:
            if timer.expired():
                where = f"{sending.method} {shown(sending.url)}"
                raise StepError(f"{where}: no whole answer within {self._options.timeout_s:g} s", "timeout") from error
            raise
        except FAILURES as error:
            raise of_exception(sending.method, sending.url, error) from None
        finally:
            if answer is not None:
                await answer.aclose()

    async def _followed(self, sending: Sending) -> httpx.Response:
        for _ in range(self._options.redirects + 1):
            answer = await self._once(sending)
            location = answer.headers.get("location")
            if answer.status_code not in _REDIRECTS or location is None or self._options.redirects == 0:
                return answer
            await answer.aclose()
            sending = _redirected(sending, answer.status_code, location)
        raise StepError(f"{sending.method} {shown(sending.url)}: more than {self._options.redirects} redirects")

    async def _once(self, sending: Sending) -> httpx.Response:
        url = check_url(sending.url)
        self.guard.check_host(url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80))
        limits = httpx.Timeout(self._options.timeout_s, connect=self._options.connect_timeout_s)
        request = httpx.Request(
            sending.method,
            url,
            headers={"accept": "*/*", "user-agent": "codefactory", **sending.headers, "accept-encoding": ACCEPTED},
            extensions={"timeout": limits.as_dict()},
            **sending.body(),
        )
        assert self._transport is not None  # noqa: S101 we are entered
        try:
            answer = await self._transport.handle_async_request(request)
        except FAILURES as error:
            raise of_exception(sending.method, url, error) from None
        answer.request = request
        return answer


def check_url(url: httpx.URL) -> httpx.URL:
    """Raises StepError for what is no plain address of a host."""
    if url.scheme not in ("http", "https"):
        raise StepError(f"`{url.scheme or 'no scheme'}` cannot be requested: use http or https")
    if not url.raw_host:
        raise StepError("the address names no host")
    if url.userinfo:
        raise StepError("the address holds a user or a password; give them under `auth`")
    return url


def parse_url(text: str) -> httpx.URL:
    if any(ord(c) <= 32 or c in "\\\x7f" for c in text):
        raise StepError("the address holds a blank, a backslash or a control character")
    try:
        return check_url(httpx.URL(text))
    except httpx.InvalidURL as error:
        raise StepError(f"the address is not valid: {error}") from None


def check_headers(headers: dict[str, str]) -> None:
    for name, value in headers.items():
        if name.lower() in _OURS:
            raise StepError(f"the header `{name}` is ours to set")
        if any(c in "\r\n\0" for c in name + value):
            raise StepError(f"the header `{name[:40]!r}` holds a line break")


def origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def _redirected(sending: Sending, status: int, location: str) -> Sending:
    try:
        url = sending.url.join(location)
    except httpx.InvalidURL:
        raise StepError(f"{shown(sending.url)} redirects to what is no address") from None
    if sending.url.scheme == "https" and url.scheme != "https":
        raise StepError(f"{shown(sending.url)} redirects from https to {url.scheme}, which is not followed")
    if url.userinfo:
        raise StepError(
            f"{shown(sending.url)} redirects to an address with a user or a password, which is not followed"
        )
    elsewhere = origin(url) != origin(sending.url)
    headers = sending.headers
    if elsewhere:
        headers = {name: value for name, value in headers.items() if name.lower() in _KEPT_ELSEWHERE}
    keeps_body = status in (307, 308) or sending.method in ("GET", "HEAD")
    if keeps_body and sending.has_body and elsewhere:
        raise StepError(f"{shown(sending.url)} redirects the body to another host, {url.host}, which is not followed")
    if keeps_body:
        return replace(sending, url=url, headers=headers)
    headers = {name: value for name, value in headers.items() if not name.lower().startswith("content-")}
    return Sending("GET", url, headers)
