"""`file`: reads, writes and arranges files beneath the folders of the run's policy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import Effect, StepType
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.files.operations import Files


Operation = Literal["read", "write", "append", "delete", "list", "copy", "move", "glob"]
_EFFECTS: dict[str, frozenset[Effect]] = {
    "read": frozenset(("reads",)),
    "list": frozenset(("reads",)),
    "glob": frozenset(("reads",)),
    "write": frozenset(("writes",)),
    "append": frozenset(("writes",)),
    "delete": frozenset(("writes",)),
    "copy": frozenset(("reads", "writes")),
    "move": frozenset(("writes",)),
}
_ALL: frozenset[Effect] = frozenset(("reads", "writes"))
MAX_BYTES = 16 * 1024 * 1024


class Binary(TypedDict):
    """Bytes."""

    base64: Annotated[str, Field(description="The bytes, in base64.")]


def _text(value: Any) -> Any:
    """A number that an expression gave is written as a text."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class FileConfig(Strict):
    """Does one thing to files. Relative paths are taken from the first folder that the policy lets the run read."""

    operation: Operation = Field(description="What is done.")
    path: str = Field(default=".", description="The file or folder.", examples=["src/app.py"])
    to: str | None = Field(default=None, description="Where `copy` and `move` put it: the new path, not a folder.")
    pattern: str | None = Field(
        default=None,
        description="For `glob` and `list`: `*`, `?`, `[…]` within a name, `**` for any folders.",
        examples=["**/*.py"],
    )
    content: Annotated[str | Binary | None, BeforeValidator(_text)] = Field(
        default=None, description="What `write` and `append` write: a text, or `{base64: …}`."
    )
    as_: Literal["text", "lines", "base64", "chunks"] = Field(
        default="text",
        alias="as",
        description="What `read` gives: the text, its lines, its bytes as base64; or `chunks`, which stream to whoever "
        "watches the run and leave only their count.",
    )
    offset: int = Field(default=0, ge=0, description="Where `read` begins: a byte, for `lines` a line, from 0.")
    limit: int | None = Field(default=None, ge=0, description="The most bytes or lines that `read` gives.")
    max_bytes: int = Field(
        default=MAX_BYTES, gt=0, le=256 * 1024 * 1024, description="`read` fails rather than give more."
    )
    chunk_bytes: int = Field(default=1024 * 1024, ge=1, le=16 * 1024 * 1024, description="The size of a chunk.")
    encoding: str = Field(default="utf-8", description="Of the text. A byte order mark is left out, and kept on write.")
    newline: Literal["keep", "lf", "crlf", "exact"] = Field(
        default="keep", description="Line endings that are written; `keep`: those of the file, `exact`: as given."
    )
    parents: bool = Field(default=True, description="Whether missing folders are made.")
    overwrite: bool = Field(default=False, description="Whether `copy` and `move` may replace what is there.")
    recursive: bool = Field(default=False, description="Whether `list`, `copy` and `delete` take whole folders.")
    missing: Literal["fail", "ignore"] = Field(
        default="fail", description="What `delete` does, and `read` with null as its result, if there is nothing."
    )


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    operation = config.get("operation")
    needed: dict[Any, tuple[str, ...]] = {
        "write": ("path", "content"),
        "append": ("path", "content"),
        "copy": ("path", "to"),
        "move": ("path", "to"),
        "glob": ("pattern",),
        "read": ("path",),
        "delete": ("path",),
    }
    for key in needed.get(operation, ()):
        if config.get(key) is None:
            yield key, f"`{operation}` needs `{key}`"


def _effects_of(config: dict[str, Any]) -> frozenset[Effect]:
    return _EFFECTS.get(str(config.get("operation")), _ALL)


async def _run(config: FileConfig, ctx: Context) -> Any:
    for key, message in _problems(config.model_dump(by_alias=True)):
        raise StepError(f"{message} (`{key}`)")
    from codefactory.pipelines.files.operations import Files

    files = Files.of(ctx)
    work = _WORK[config.operation]
    if config.operation in ("read", "list", "glob"):
        return await files.job.run(partial(work, config, files))
    with ctx.reserve(files=1) as reservation:
        done = await files.job.run(partial(work, config, files))
        reservation.settle(files=1)
    ctx.audit("file_written", operation=config.operation, **{"source": config.path, **done})
    return done


def _read(c: FileConfig, files: Files) -> Any:
    if c.missing == "ignore":
        with files.access.reading(c.path) as place:
            if place.found is None:
                return None
    return files.read(c.path, c.as_, c.encoding, c.offset, c.limit, c.max_bytes, c.chunk_bytes)


def _list(c: FileConfig, files: Files) -> Any:
    from codefactory.pipelines.files.listing import Pattern, entries

    wanted = Pattern(c.pattern) if c.pattern is not None else None
    into = c.recursive or (wanted.goes_into if wanted is not None else False)
    found = entries(files.access, c.path, recursive=into, check=files.job.check)
    return [e.to_json() for e in found if wanted is None or wanted.matches(e.parts)]


def _glob(c: FileConfig, files: Files) -> Any:
    from codefactory.pipelines.files.listing import glob

    return glob(files.access, c.path, c.pattern or "", files.job.check)


_WORK: dict[Operation, Callable[[FileConfig, Files], Any]] = {
    "read": _read,
    "list": _list,
    "glob": _glob,
    "write": lambda c, files: files.write(c.path, c.content, c.encoding, c.newline, parents=c.parents),
    "append": lambda c, files: files.append(c.path, c.content, c.encoding, c.newline, parents=c.parents),
    "delete": lambda c, files: files.delete(c.path, recursive=c.recursive, missing_ok=c.missing == "ignore"),
    "copy": lambda c, files: files.copy(
        c.path, c.to or "", overwrite=c.overwrite, parents=c.parents, recursive=c.recursive
    ),
    "move": lambda c, files: files.move(c.path, c.to or "", overwrite=c.overwrite, parents=c.parents),
}

FILE = StepType(
    "file",
    FileConfig,
    _run,
    "Read, write and arrange files.",
    effects=_ALL,
    problems=_problems,
    effects_of=_effects_of,
    example="type: file\nwith: {operation: read, path: README.md}",
)
