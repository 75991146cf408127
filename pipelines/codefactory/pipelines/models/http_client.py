"""Pooled HTTP clients: one for each event loop and way out. httpx is imported, and certificates are read, in a thread.

httpx's connections belong to the loop that opened them. A client goes with its loop.
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import logging
import ssl
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .model import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from httpx import AsyncClient

CONNECT_TIMEOUT_S = 10.0
IDLE_CONNECTIONS = 32
IDLE_S = 30.0
IMPORT_SWITCH_S = 0.0005


@dataclass(frozen=True, slots=True)
class WayOut:
    """How a server is reached."""

    secure: bool
    """Whether by https."""
    proxy: str | None = None
    """Its address, with user and password if it needs them."""
    ca_bundle: Path | None = None
    """A PEM file of the authorities that are trusted; None: SSL_CERT_FILE's, or those that come with `certifi`."""
    environment: bool = True
    """Whether HTTPS_PROXY, NO_PROXY and the like count where no proxy is given."""


def way_to(url: str, proxy: str | None = None, ca_bundle: Path | None = None) -> WayOut:
    """A server on this machine is never looked for behind the environment's proxy."""
    parts = urlsplit(url)
    return WayOut(parts.scheme == "https", proxy, ca_bundle, not is_loopback(parts.hostname or ""))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


_clients: dict[asyncio.AbstractEventLoop, dict[WayOut, asyncio.Task[AsyncClient]]] = {}


async def client(way: WayOut) -> AsyncClient:
    """The client of this event loop, without a limit on connections. Raises ModelError for a setting that is wrong."""
    loop = asyncio.get_running_loop()
    if loop not in _clients:
        for ended in [other for other in _clients if other.is_closed()]:
            del _clients[ended]
    of_loop = _clients.setdefault(loop, {})
    made = of_loop.get(way)
    if made is None:
        made = of_loop[way] = loop.create_task(asyncio.to_thread(_make, way))
    try:
        return await asyncio.shield(made)
    except ModelError:
        of_loop.pop(way, None)
        raise


def _make(way: WayOut) -> AsyncClient:
    _load()
    import httpx

    for logger in ("httpx", "httpcore"):
        logging.getLogger(logger).setLevel(logging.WARNING)  # below it they log addresses and headers
    certificates = _certificates(way)
    try:
        return httpx.AsyncClient(
            verify=certificates,
            proxy=way.proxy,
            trust_env=way.environment,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=IDLE_S
            ),
        )
    except (ValueError, httpx.InvalidURL, ImportError) as error:
        raise ModelError(
            "fatal",
            f"The proxy cannot be used ({type(error).__name__}). Check codefactory.model.proxy, or HTTPS_PROXY and "
            "ALL_PROXY in the environment: it is written as http://HOST:PORT.",
        ) from None


_loading = threading.Lock()
_loaded = False


def _load() -> None:
    """Import all that a first request needs, beside an event loop that goes on meanwhile.

    What holds the interpreter's lock here holds the loop up: so it is handed over more often for the time being.
    anyio's backend would else be imported on the loop, by the first connection.
    """
    global _loaded
    with _loading:
        if _loaded:
            return
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(IMPORT_SWITCH_S)
        try:
            importlib.import_module("httpx")
            import anyio

            anyio.run(_nothing)
        finally:
            sys.setswitchinterval(interval_s)
        _loaded = True


async def _nothing() -> None:
    pass


def _certificates(way: WayOut) -> ssl.SSLContext:
    if way.ca_bundle is not None:
        try:
            return ssl.create_default_context(cafile=way.ca_bundle)
        except (OSError, ssl.SSLError) as error:
            raise ModelError(
                "fatal",
                f"{way.ca_bundle} holds no certificates that can be read ({error}). codefactory.model.caBundle is a "
                "PEM file.",
            ) from None
    if not way.secure:
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used, and costs no reading of certificates
    import httpx

    return httpx.create_ssl_context()
