"""`code`: Python or JavaScript in the sandbox. Its text is never a template; values go in as `inputs`."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.code.languages import Language  # noqa: TC001 pydantic reads it
from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import Effect, StepType
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from codefactory.pipelines.engine import Context
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.sandbox import Limits, Sandbox
    from codefactory.pipelines.sandbox.sandbox import Stream


class CodeConfig(Strict):
    """Runs Python or JavaScript in the sandbox: no network, no files but those named, bounded."""

    language: Language = Field(default="python", description="The language of the code.")
    code: str = Field(
        min_length=1,
        description="The code. Not a template: it finds its values in `inputs`. Python leaves its result in `output`, "
        "JavaScript returns it; without one, the result is what was printed.",
        examples=["output = sum(inputs['numbers'])"],
    )
    inputs: dict[str, Any] = Field(
        default={}, description="Values that the code finds as `inputs`.", examples=[{"numbers": [1, 2, 3]}]
    )
    interpreter: str | None = Field(
        default=None, description="The program that runs it, if not the usual one; the policy must allow the command."
    )
    read: list[str] = Field(default=[], description="Folders and files it may read; absolute, allowed by the policy.")
    write: list[str] = Field(default=[], description="Folders it may write in; absolute, allowed by the policy.")
    environment: list[str] = Field(default=[], description="Environment variables it gets, allowed by the policy.")
    wall_s: float = Field(default=60.0, gt=0, le=86_400, description="Seconds before it is stopped.")
    cpu_s: float = Field(default=60.0, gt=0, le=86_400, description="Seconds of processor time it may use.")
    memory_mb: int = Field(default=512, ge=32, le=1_000_000, description="Memory in MB, of all its processes.")
    processes: int = Field(default=64, ge=1, le=10_000, description="Processes and threads at once.")
    output_bytes: int | None = Field(
        default=None, gt=0, description="The most it may print; null: what the policy allows."
    )


async def _run(config: CodeConfig, ctx: Context) -> Any:
    from codefactory.pipelines.code.running import Program, run_code

    policy = ctx.policy
    program = Program(
        config.language,
        config.code,
        config.inputs,
        _allowed_program(config.interpreter, policy),
        await asyncio.to_thread(_allowed_paths, config.read, policy.refuse_read) if config.read else (),
        await asyncio.to_thread(_allowed_paths, config.write, lambda path: _refuse_folder(path, policy))
        if config.write
        else (),
        _allowed_environment(config.environment, policy),
    )
    decoders = _Decoders()

    async def on_output(stream: Stream, data: bytes) -> None:
        if text := decoders.text(stream, data):
            await ctx.emit({"stream": stream, "text": text})

    sandbox = await _sandbox(policy)
    if sandbox.name == "none":
        ctx.log("the code runs without a sandbox: there is none here, and the policy allows that", "warning")
    ctx.audit("command_run", program=config.interpreter or config.language, sandbox=sandbox.name)
    return await run_code(sandbox, program, _limits(config, policy), on_output)


async def _sandbox(policy: AccessPolicy) -> Sandbox:
    from codefactory.pipelines.sandbox import SandboxUnavailableError, chosen

    try:
        return await chosen(policy.sandbox)
    except SandboxUnavailableError as error:
        raise StepError(str(error)) from error


def _limits(config: CodeConfig, policy: AccessPolicy) -> Limits:
    from codefactory.pipelines.sandbox import Limits

    wanted = policy.max_output_bytes if config.output_bytes is None else config.output_bytes
    if wanted > policy.max_output_bytes:
        raise StepError(f"`output_bytes` is {wanted:,}, and the policy allows {policy.max_output_bytes:,}")
    return Limits(
        memory_bytes=config.memory_mb * 1_000_000,
        cpu_s=config.cpu_s,
        processes=config.processes,
        file_bytes=min(policy.max_file_bytes, Limits().file_bytes),
        wall_s=config.wall_s,
        output_bytes=wanted,
    )


def _allowed_program(program: str | None, policy: AccessPolicy) -> str | None:
    if program is not None and (refusal := policy.refuse_command(program)) is not None:
        raise StepError(refusal)
    return program


def _allowed_paths(paths: Iterable[str], refuse: Callable[[Path], str | None]) -> tuple[Path, ...]:
    """Real paths: what is bound is what was allowed, whatever becomes of the links on the way."""
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        if not path.is_absolute():
            raise StepError(f"`{text}` is not an absolute path")
        real = Path(os.path.realpath(path))
        if (refusal := refuse(real)) is not None:
            raise StepError(refusal)
        found.append(real)
    return tuple(found)


def _refuse_folder(path: Path, policy: AccessPolicy) -> str | None:
    """A folder is given whole, so none that holds what the policy protects."""
    if (refusal := policy.refuse_write(path)) is not None:
        return refusal
    held = next((name for name in policy.protected if os.path.lexists(path / name)), None)
    return f"`{path}` holds `{held}`, which the policy protects: give the code a folder inside of it" if held else None


def _allowed_environment(names: Iterable[str], policy: AccessPolicy) -> dict[str, str]:
    for name in names:
        if (refusal := policy.refuse_environment(name)) is not None:
            raise StepError(refusal)
    return {name: os.environ[name] for name in names if name in os.environ}


class _Decoders:
    """Characters that are cut in two by a chunk's end are put together."""

    def __init__(self) -> None:
        import codecs

        make = codecs.getincrementaldecoder("utf-8")
        self._of = {"stdout": make("replace"), "stderr": make("replace")}

    def text(self, stream: Stream, data: bytes) -> str:
        return self._of[stream].decode(data)


def _effects(settings: dict[str, Any]) -> frozenset[Effect]:
    """In the sandbox, code touches only what is named."""
    effects: set[Effect] = {"executes"}
    if settings.get("read"):
        effects.add("reads")
    if settings.get("write"):
        effects.add("writes")
    return frozenset(effects)


CODE = StepType(
    "code",
    CodeConfig,
    _run,
    "Run Python or JavaScript in the sandbox.",
    effects=frozenset(("reads", "writes", "executes")),
    effects_of=_effects,
    trusted=True,
    verbatim=frozenset(("code",)),
    example="type: code\nwith:\n  inputs: {numbers: [3, 1, 2]}\n  code: output = sorted(inputs['numbers'])",
)
