"""Server-sent events: the `data` of each, from bytes as the network delivers them.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from __future__ import annotations

MAX_EVENT_BYTES = 32 * 2**20


class EventTooLongError(ValueError):
    """A server sends an event without an end."""


class EventDecoder:
    """Each byte is looked at a fixed number of times, however the stream is cut up."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        """Of a line that has not ended."""
        self._rest_bytes = 0
        self._data: list[bytes] = []
        """Of an event that has not ended."""
        self._after_cr = False

    def feed(self, received: bytes) -> list[bytes]:
        """The data of the events that end in `received`. Raises EventTooLongError."""
        if self._after_cr and received:
            self._after_cr = False
            if received.startswith(b"\n"):
                received = received[1:]
        if b"\r" in received:
            self._after_cr = received.endswith(b"\r")
            received = received.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = received.split(b"\n")
        if lines and self._rest:
            lines[0] = b"".join((*self._rest, lines[0]))
            self._rest.clear()
            self._rest_bytes = 0
        if rest:
            self._rest.append(rest)
            self._rest_bytes += len(rest)
            if self._rest_bytes > MAX_EVENT_BYTES:
                raise EventTooLongError(f"an event of more than {MAX_EVENT_BYTES:,} bytes")
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line and self._data:
                events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                self._data.clear()
        return events
