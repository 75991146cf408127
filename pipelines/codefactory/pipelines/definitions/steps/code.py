"""`code`: Python or JavaScript in the sandbox. Its text is never a template; values go in as `inputs`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from codefactory.pipelines.code.languages import Language  # noqa: TC001 pydantic reads it
from codefactory.pipelines.definitions.model import Strict
from codefactory.pipelines.definitions.registry import StepType
from codefactory.pipelines.engine.errors import StepError

if TYPE_CHECKING:
    from collections.abc import Iterable

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
        _allowed_paths(config.read, (*policy.read, *policy.write), "read"),
        _allowed_paths(config.write, policy.write, "write"),
        _allowed_environment(config.environment, policy),
    )
    decoders = _Decoders()

    async def on_output(stream: Stream, data: bytes) -> None:
        if text := decoders.text(stream, data):
            await ctx.emit({"stream": stream, "text": text})

    return await run_code(await _sandbox(policy), program, _limits(config, policy), on_output)


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
    if program is not None and program not in policy.commands:
        raise StepError(f"the policy does not allow the command `{program}`; add it to `policy.commands`")
    return program


def _allowed_paths(paths: Iterable[str], roots: Iterable[Path], what: str) -> tuple[Path, ...]:
    """Real paths: a link that leads out of a root is not in it."""
    allowed = [Path(os.path.realpath(root)) for root in roots]
    found: list[Path] = []
    for text in paths:
        path = Path(text)
        real = Path(os.path.realpath(path))
        if not path.is_absolute() or not any(real.is_relative_to(root) for root in allowed):
            raise StepError(f"the policy does not allow to {what} `{text}`; add its folder to `policy.{what}`")
        found.append(real)
    return tuple(found)


def _allowed_environment(names: Iterable[str], policy: AccessPolicy) -> dict[str, str]:
    for name in names:
        if name not in policy.environment:
            raise StepError(f"the policy does not allow the variable `{name}`; add it to `policy.environment`")
    return {name: os.environ[name] for name in names if name in os.environ}


class _Decoders:
    """Characters that are cut in two by a chunk's end are put together."""

    def __init__(self) -> None:
        import codecs

        make = codecs.getincrementaldecoder("utf-8")
        self._of = {"stdout": make("replace"), "stderr": make("replace")}

    def text(self, stream: Stream, data: bytes) -> str:
        return self._of[stream].decode(data)


CODE = StepType(
    "code",
    CodeConfig,
    _run,
    "Run Python or JavaScript in the sandbox.",
    effects=frozenset(("reads", "writes", "executes")),
    trusted=True,
    verbatim=frozenset(("code",)),
)
