"""Single steps, run as a definition would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codefactory.pipelines.definitions import loads
from codefactory.pipelines.engine import Engine
from codefactory.pipelines.engine.errors import NotAllowedError
from codefactory.pipelines.policy import AccessPolicy

if TYPE_CHECKING:
    from pathlib import Path

    from codefactory.pipelines.definitions import Registry
    from codefactory.pipelines.engine import RunResult
    from codefactory.pipelines.store import Store


def policy(folder: Path, **more: Any) -> AccessPolicy:
    """Reads and writes in one folder."""
    return AccessPolicy(**{"read": (folder,), "write": (folder,), **more})


async def run_steps(
    *steps: dict[str, Any],
    allowed: AccessPolicy,
    store: Store | None = None,
    registry: Registry | None = None,
    inputs: dict[str, Any] | None = None,
    trusted: bool = False,
    **options: Any,
) -> RunResult:
    """Steps `s0`, `s1`, … one after the other."""
    named: dict[str, Any] = {}
    for i, step in enumerate(steps):
        named[f"s{i}"] = {**step, **({"needs": [f"s{i - 1}"]} if i else {})}
    import json

    declared = {name: {"type": "any"} for name in inputs or {}}
    text = json.dumps({"version": 1, "name": "steps", "inputs": declared, "steps": named})
    engine = Engine(store, policy=allowed)
    try:
        return await engine.run(
            loads(text, "json", registry=registry, trusted=trusted).unwrap(), inputs or {}, **options
        )
    finally:
        engine.close()


async def run_step(kind: str, allowed: AccessPolicy, /, **settings: Any) -> Any:
    """The step's output. Raises what the step raised, in the run's words."""
    result = await run_steps({"type": kind, "with": settings}, allowed=allowed)
    return result.unwrap()["s0"]


async def error_of(kind: str, allowed: AccessPolicy, /, **settings: Any) -> str:
    """Why the step failed, or may not even begin."""
    try:
        result = await run_steps({"type": kind, "with": settings}, allowed=allowed)
    except NotAllowedError as error:
        return str(error)
    assert result.status == "failed", f"the step gave {result.outputs}"
    return str(result.error)
