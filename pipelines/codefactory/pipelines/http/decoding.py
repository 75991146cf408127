"""Bodies of answers, decoded with a bound on what comes out: a kilobyte can hold a gigabyte of zeros."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    import httpx

ACCEPTED = "gzip, deflate"
_PIECE = 1 << 18


class TooLargeError(StepError):
    """An answer is larger than it may be."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the answer is larger than the {limit:,} bytes that the policy and the step allow")


async def pieces(answer: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """The decoded body, at most `limit` bytes in all. Raises StepError."""
    declared = answer.headers.get("content-length", "")
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if declared.isdigit() and int(declared[:20]) > limit:
        raise TooLargeError(limit)
    left = limit
    decoder = _decoder(encoding)
    async for chunk in answer.aiter_raw():
        for piece in decoder(chunk) if decoder else (chunk,):
            left -= len(piece)
            if left < 0:
                raise TooLargeError(limit)
            yield piece


def _decoder(encoding: str) -> _Inflate | None:
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise StepError(f"the answer is encoded as `{encoding[:40]}`, which was not asked for", "invalid_output")
    return _Inflate()


class _Inflate:
    """gzip, or deflate with or without zlib's header."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._first = True

    def __call__(self, chunk: bytes) -> Iterator[bytes]:
        while chunk:
            try:
                piece = self._inflater.decompress(chunk, _PIECE)
            except zlib.error as error:
                if not self._first:
                    raise StepError(f"the answer cannot be decoded: {error}", "invalid_output") from error
                self._inflater, self._first = zlib.decompressobj(-zlib.MAX_WBITS), False
                continue
            self._first = False
            chunk = self._inflater.unconsumed_tail
            yield piece
