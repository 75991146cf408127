"""The server as a process: its streams, and its end when nobody needs it any more."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

POLL_S = 2.0


def take_streams() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for the protocol alone: what anybody prints from now on goes to standard error, and
    child processes inherit neither."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return source, sink


def accept(port: int) -> tuple[BinaryIO, BinaryIO]:
    """The streams of the first client that connects to 127.0.0.1:`port`; there is no second one."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        connection, _ = listener.accept()
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
        return connection.makefile("rb"), connection.makefile("wb")


def end_with(pid: int, clean_up: Callable[[], None]) -> None:
    """End this process, after `clean_up`, soon after process `pid` has: an editor that crashed sends no goodbye."""

    def watch() -> None:
        while alive(pid):
            time.sleep(POLL_S)
        clean_up()
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent").start()


def alive(pid: int) -> bool:
    if os.name == "nt":
        return _alive_on_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _alive_on_windows(pid: int) -> bool:
    """`os.kill(pid, 0)` would end the process there."""
    import ctypes

    synchronize, timed_out = 0x0010_0000, 0x102
    kernel = ctypes.WinDLL("kernel32")  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]  (exists on Windows only)
    handle = kernel.OpenProcess(synchronize, False, pid)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not handle:
        return False
    waited = kernel.WaitForSingleObject(handle, 0)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    kernel.CloseHandle(handle)  # pyright: ignore[reportUnknownMemberType]
    return bool(waited == timed_out)  # pyright: ignore[reportUnknownArgumentType]
