"""The bodies of answers: read within bounds, as text or JSON, or into a file."""

from __future__ import annotations

import asyncio
import base64
import codecs
import hashlib
import json
import os
import tempfile
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.errors import StepError

from .decoding import TooLargeError, pieces

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

_LARGE = 200_000
"""Bytes of JSON that are parsed off the event loop."""


async def read_body(
    answer: httpx.Response, limit: int, emit: Callable[[str], Awaitable[None]] | None = None
) -> bytearray:
    """At most `limit` bytes. `emit` gets the text as it comes. Raises StepError."""
    data = bytearray()
    decoder = codecs.getincrementaldecoder(_charset(answer))("replace") if emit is not None else None
    async for piece in pieces(answer, limit):
        data += piece
        if emit is not None and decoder is not None and (text := decoder.decode(piece)):
            await emit(text)
    return data


async def text_of(answer: httpx.Response, limit: int) -> str:
    """The beginning of a body, for people."""
    data = bytearray()
    try:
        async for piece in pieces(answer, 100 * limit):
            data += piece
            if len(data) >= limit:
                break
    except TooLargeError:
        pass
    return bytes(data[:limit]).decode("utf-8", "replace")


async def parsed(data: bytearray, answer: httpx.Response, as_: str) -> Any:
    """Raises StepError for what is not JSON and should be."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if as_ == "base64":
        return base64.b64encode(data).decode()
    if as_ == "json" or (as_ == "auto" and (kind == "application/json" or kind.endswith("+json"))):
        if not data and as_ == "auto":
            return None
        try:
            return await asyncio.to_thread(json.loads, data) if len(data) > _LARGE else json.loads(data)
        except (ValueError, RecursionError) as error:
            said = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
            raise StepError(f"the answer is not JSON: {said}", "invalid_output") from None
    return data.decode(_charset(answer), "replace")


def _charset(answer: httpx.Response) -> str:
    """Python has codecs that are no character sets: they do not count."""
    name = answer.charset_encoding or "utf-8"
    try:
        b"a".decode(name, "replace")
    except (LookupError, ValueError):
        return "utf-8"
    return name


async def save_body(answer: httpx.Response, path: Path, limit: int) -> dict[str, Any]:
    """Into a file, whole or not at all. Raises StepError."""
    digest, size = hashlib.sha256(), 0
    try:
        number, name = await asyncio.to_thread(tempfile.mkstemp, dir=path.parent, prefix=".codefactory-")
    except OSError as error:
        raise StepError(f"`{path}` cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(number, "wb") as file:
            async for piece in pieces(answer, limit):
                digest.update(piece)
                size += len(piece)
                await asyncio.to_thread(file.write, piece)
        await asyncio.to_thread(os.replace, name, path)
    except BaseException as error:
        await asyncio.shield(asyncio.to_thread(os.unlink, name))
        if isinstance(error, OSError):
            raise StepError(f"`{path}` cannot be written: {error.strerror}") from error
        raise
    return {"path": str(path), "bytes": size, "sha256": digest.hexdigest()}
