"""A connection is made to an address that was looked at, and to no other: names are resolved here, once."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import httpcore
import httpx

from codefactory.pipelines.engine.errors import StepError

from .addresses import why_no_host, why_nowhere, why_private

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Sequence

    from codefactory.pipelines.policy import AccessPolicy

    from .addresses import Address

Resolve = Callable[[str, int], Awaitable["Sequence[str]"]]
"""The addresses of a host, as text. Raises OSError."""


async def system_addresses(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Guard:
    """What a policy says of a host, and of the addresses it turns out to have."""

    def __init__(self, policy: AccessPolicy, resolve: Resolve = system_addresses) -> None:
        self._policy = policy
        self._resolve = resolve
        self.reached: dict[str, str] = {}
        """Host → the address that was connected to."""

    def check_host(self, host: str, port: int) -> None:
        """Raises StepError unless the policy allows it by name."""
        if (reason := why_no_host(host)) is not None:
            raise StepError(f"`{host}` may not be reached: {reason}")
        if (refusal := self._policy.refuse_host(_written(host), port)) is not None:
            raise StepError(refusal)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Those of the host, all of them allowed. Raises StepError."""
        self.check_host(host, port)
        try:
            texts = await self._resolve(host, port)
        except OSError as error:
            raise StepError(
                f"the address of `{host}` cannot be found: {error.strerror or error}", "transient"
            ) from None
        if not texts:
            raise StepError(f"`{host}` has no address", "transient")
        for text in texts:
            self._check_address(host, port, ipaddress.ip_address(text.partition("%")[0]))
        return list(texts)

    def _check_address(self, host: str, port: int, address: Address) -> None:
        if (kind := why_nowhere(address)) is not None:
            raise StepError(f"`{host}` may not be reached: it has {kind}, {address}")
        if (kind := why_private(address)) is None or self._policy.allows_private(_written(host), port):
            return
        raise StepError(
            f"`{host}` may not be reached: it has {kind}, {address}; "
            "to allow that, add it to the policy's `private_hosts`"
        )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class _Backend(httpcore.AsyncNetworkBackend):
    """TLS is made by the caller with the host's name, so certificates are checked against that."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = cast("httpcore.AsyncNetworkBackend", httpcore.AnyIOBackend())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failure: Exception | None = None
        for address in await self._guard.addresses(host, port):
            try:
                stream = await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                self._guard.reached[host] = address
                return stream
        assert failure is not None  # noqa: S101 there is an address at least
        raise failure

    async def connect_unix_socket(self, path: str, *_arguments: Any, **_options: Any) -> httpcore.AsyncNetworkStream:
        raise StepError(f"the socket {path} may not be reached")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Transport(httpx.AsyncBaseTransport):
    """No proxy, no other socket, no retry: what the guard allows, over HTTP/1.1."""

    def __init__(self, guard: Guard, context: ssl.SSLContext) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=_Backend(guard))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
        )
        answer = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Stream(answer))

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Stream(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._answer.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


@cache
def trust(ca_file: str | None) -> ssl.SSLContext:
    """The certificates that are believed: the usual ones, or those of a file as well. Takes some 30 ms, once."""
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
