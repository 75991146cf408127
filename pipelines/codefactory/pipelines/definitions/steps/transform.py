"""`transform`: data from one form to another, by operations one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

from pydantic import Field

from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import Effect, StepType
from codefactory.pipelines.engine.errors import StepError
from codefactory.pipelines.engine.values import is_list, is_mapping
from codefactory.pipelines.transform.operations import (
    ITEMWISE,
    Operation,
    Source,
    Target,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.files.operations import Files

_ITEMWISE = frozenset(get_args(o.model_fields["operation"].annotation)[0] for o in ITEMWISE)


class TransformConfig(Strict):
    """Applies operations, one after the other, to a value, or to the items of a file."""

    input: Any = Field(default=None, description="The value.", examples=["{{ steps.read.output }}"])
    from_: Source | None = Field(
        default=None, alias="from", description="A file instead: its lines, rows or JSON lines, one at a time."
    )
    operations: list[Operation] = Field(default=[], description="What is done, in this order.")
    to: Target | None = Field(
        default=None,
        description="A file that the items are written to as they come; the output is then only their number. With it, "
        "each operation must be one that needs a single item.",
    )


def _problems(config: dict[str, Any]) -> Iterable[tuple[str, str]]:
    if "input" in config and "from" in config:
        yield "from", "give either `input` or `from`"
    operations: Any = config.get("operations")
    for operation in operations if is_list(operations) and "from" in config and "to" in config else ():
        name: Any = operation.get("operation") if is_mapping(operation) else None
        if isinstance(name, str) and name not in _ITEMWISE and "{" not in name:
            yield "operations", f"`{name}` needs all items at once, so it cannot go from file to file"


def _effects_of(config: dict[str, Any]) -> frozenset[Effect]:
    found: list[Effect] = []
    if "from" in config:
        found.append("reads")
    if "to" in config:
        found.append("writes")
    return frozenset(found)


async def _run(config: TransformConfig, ctx: Context) -> Any:
    for key, message in _problems(config.model_dump(by_alias=True, exclude_unset=True)):
        raise StepError(f"{message} (`{key}`)")
    from codefactory.pipelines.files.operations import Files

    files = Files.of(ctx)
    if config.to is None:
        return await files.job.run(lambda: _transformed(config, files))
    with ctx.reserve(files=1) as reservation:
        done = await files.job.run(lambda: _transformed(config, files))
        reservation.settle(files=1)
    ctx.audit("file_written", operation="transform", **done)
    return done


def _transformed(config: TransformConfig, files: Files) -> Any:
    from codefactory.pipelines.transform import stream
    from codefactory.pipelines.transform.apply import apply
    from codefactory.pipelines.transform.limits import TransformError, measure

    data = config.input
    rest = list(config.operations)
    if config.from_ is not None:
        first = next((i for i, o in enumerate(rest) if not isinstance(o, ITEMWISE)), len(rest))
        found = stream.changed(stream.items(config.from_, files), rest[:first], files)
        if config.to is not None:
            return stream.written(found, config.to, files)
        data, rest = stream.collected(found), rest[first:]
    else:
        measure(data, "the input")
    for number, operation in enumerate(rest):
        files.job.check()
        try:
            data = apply(data, operation)
        except TransformError as error:
            raise TransformError(f"operation {number + 1} (`{operation.operation}`): {error}") from error
    if config.to is None:
        return data
    if not is_list(data):
        raise StepError("only a list can be written `to` a file; write a text with a `file` step")
    return stream.written(data, config.to, files)


TRANSFORM = StepType(
    "transform",
    TransformConfig,
    _run,
    "Change data: parse, query, sort, group, validate, write in another format.",
    effects=frozenset(("reads", "writes")),
    problems=_problems,
    effects_of=_effects_of,
    example="type: transform\nwith:\n  input: [3, 1, 2]\n  operations: [{operation: sort}]",
)
