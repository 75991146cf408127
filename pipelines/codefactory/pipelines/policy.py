"""`AccessPolicy`: what the steps of a run may touch. Nothing, unless it is named here."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 pydantic needs it when the class is made
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

SandboxMode = Literal["required", "none"]


class AccessPolicy(BaseModel):
    """Least privilege: a default policy reads and writes nothing, reaches no host and runs no program."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    read: tuple[Path, ...] = Field(default=(), description="Folders whose files steps may read, absolute.")
    write: tuple[Path, ...] = Field(default=(), description="Folders in which steps may change files, absolute.")
    hosts: tuple[str, ...] = Field(
        default=(), description='Hosts that steps may reach: "api.example.com", "*.example.com", "localhost:8080".'
    )
    private_hosts: tuple[str, ...] = Field(
        default=(),
        description="Those of `hosts` that may have a private, loopback or link-local address.",
    )
    commands: tuple[str, ...] = Field(default=(), description="Programs that steps may start, by name or path.")
    environment: tuple[str, ...] = Field(default=(), description="Environment variables that steps may see.")
    step_types: tuple[str, ...] | None = Field(default=None, description="Types of steps that may run; null: all.")
    models: tuple[str, ...] | None = Field(
        default=None, description='Models that may be asked: names or patterns like "openai/*"; null: all.'
    )
    sandbox: SandboxMode = Field(
        default="required", description='"none": code runs without a sandbox where there is none.'
    )
    max_file_bytes: int = Field(default=2_000_000_000, gt=0, description="The largest file a step may write.")
    max_response_bytes: int = Field(default=50_000_000, gt=0, description="The largest answer taken from a host.")
    max_output_bytes: int = Field(default=10_000_000, gt=0, description="The most that code may print.")


DENY_ALL = AccessPolicy()
