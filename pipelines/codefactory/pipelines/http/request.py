"""What a step sends: the address, the headers, and a body made anew for each try."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.values import is_list

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a form."""

    path: Path
    name: str
    type: str | None


async def file_chunks(path: Path) -> AsyncIterator[bytes]:
    """A file's bytes, read off the event loop."""
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    finally:
        file.close()


def file_body(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The body and its headers. Raises StepError."""
    try:
        size = os.stat(path).st_size  # noqa: PTH116 a word shorter
    except OSError as error:
        raise StepError(f"`{path}` cannot be sent: {error.strerror}") from error
    return {"content": file_chunks(path)}, {"content-length": str(size), "content-type": "application/octet-stream"}


def form_body(fields: Mapping[str, Any], parts: Mapping[str, Part], stack: ExitStack) -> dict[str, Any]:
    """A multipart form; its files are open until `stack` ends. Raises StepError."""
    files: dict[str, Any] = {}
    for field, part in parts.items():
        try:
            file = stack.enter_context(part.path.open("rb"))
        except OSError as error:
            raise StepError(f"`{part.path}` cannot be sent: {error.strerror}") from error
        files[field] = (part.name, file, part.type) if part.type else (part.name, file)
    texts = {key: value if is_list(value) else _text(value) for key, value in fields.items()}
    return {"data": texts, "files": files}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
