"""Small questions to servers on this machine: no proxy, no redirect, no other host, and no event loop that waits."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
MAX_BODY_BYTES = 4_000_000

_T = TypeVar("_T")


def get(port: int, path: str, *, timeout_s: float) -> bytes | None:
    """The body of a GET that was answered with 200; None for any other answer, and for none."""
    import http.client

    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", path, headers={"Accept": "application/json", "Connection": "close"})
        response = connection.getresponse()
        body = response.read(MAX_BODY_BYTES + 1)
        return body if response.status == 200 and len(body) <= MAX_BODY_BYTES else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


async def in_thread(call: Callable[[], _T], timeout_s: float) -> _T | None:
    """The result of `call`, or None when it takes longer. Its thread keeps no program from ending."""
    done: Future[_T] = Future()

    def run() -> None:
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001  # handed over to whoever waits
            done.set_exception(error)
        else:
            done.set_result(result)

    waited = asyncio.wrap_future(done)
    waited.add_done_callback(_retrieve)
    threading.Thread(target=run, name="loopback", daemon=True).start()
    try:
        return await asyncio.wait_for(asyncio.shield(waited), timeout_s)
    except TimeoutError:
        return None


def _retrieve(future: asyncio.Future[_T]) -> None:
    """So that nobody warns of an error that came when nobody waited any more."""
    if not future.cancelled():
        future.exception()
