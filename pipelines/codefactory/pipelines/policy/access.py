"""`AccessPolicy`: what the steps of a run may touch. Nothing, unless it is named here."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from codefactory.pipelines.private_files import own_folders

from .patterns import host_matches, name_matches

SandboxMode = Literal["required", "none"]

PROTECTED = (
    *(".git", ".hg", ".svn", ".jj", ".codefactory", ".vscode", ".idea", ".husky", ".githooks", ".envrc", ".netrc"),
    *(".pre-commit-config.yaml", ".bashrc", ".profile", ".zshrc", ".ssh", ".gnupg"),
)
"""What a program other than ours would run or believe, or that says what our own runs may do."""


class AccessPolicy(BaseModel):
    """Least privilege: a default policy reads and writes nothing, reaches no host and runs no program.

    The `refuse_…` methods give None where something is allowed, else a sentence that says why not and what would
    allow it.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    read: tuple[Path, ...] = Field(default=(), description="Folders whose files steps may read, absolute.")
    write: tuple[Path, ...] = Field(default=(), description="Folders in which steps may change files, absolute.")
    protected: tuple[str, ...] = Field(
        default=PROTECTED, description="Names of files and folders that steps may not change, wherever they are."
    )
    hosts: tuple[str, ...] = Field(
        default=(), description='Hosts that steps may reach: "api.example.com", "*.example.com", "localhost:8080".'
    )
    private_hosts: tuple[str, ...] = Field(
        default=(),
        description="Those of `hosts` that may have a private, loopback or link-local address.",
    )
    commands: tuple[str, ...] = Field(default=(), description="Programs that steps may start, by name or path.")
    environment: tuple[str, ...] = Field(default=(), description="Environment variables that steps may see.")
    secrets: tuple[str, ...] = Field(default=(), description='Secrets that steps may use: names, or "team_*".')
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
    max_usd: float | None = Field(default=None, ge=0, description="US dollars that a run may spend; null: no limit.")
    max_tokens: float | None = Field(default=None, ge=0, description="Tokens that a run may spend; null: no limit.")
    max_calls: float | None = Field(
        default=None, ge=0, description="Calls of models and hosts that a run may make; null: no limit."
    )
    max_seconds: float | None = Field(default=None, gt=0, description="Seconds that a run may take; null: no limit.")

    @field_validator("read", "write")
    @classmethod
    def _absolute(cls, folders: tuple[Path, ...]) -> tuple[Path, ...]:
        for folder in folders:
            if not folder.is_absolute():
                raise ValueError(f"{folder} is not an absolute path")
        return folders

    @cached_property
    def text(self) -> str:
        """As JSON, to be kept with a run."""
        return self.model_dump_json(by_alias=True, exclude_defaults=True)

    def refuse_read(self, path: Path) -> str | None:
        """The path is judged by where it really is. Blocks: it looks at the links on the way."""
        if _is_our_own(path):
            return f"`{path}` may not be read: it is, or contains, Code Factory's own settings and records"
        if _root_of(path, self.read) is not None:
            return None
        return f"`{path}` may not be read: it is in none of the policy's `read` folders; see `--allow-read`"

    def refuse_write(self, path: Path) -> str | None:
        """Also for deleting, moving and making folders. Blocks, as `refuse_read`."""
        if _is_our_own(path):
            return f"`{path}` may not be changed: it is, or contains, Code Factory's own settings and records"
        root = _root_of(path, self.write)
        if root is None:
            return f"`{path}` may not be changed: it is in none of the policy's `write` folders; see `--allow-write`"
        names = {name.casefold() for name in self.protected}
        # Trailing dots and spaces, and what follows a colon, are no part of a name to Windows.
        parts = (part.casefold().split(":")[0].rstrip(". ") or part for part in _real(path).relative_to(root).parts)
        hit = next((part for part in parts if part in names), None)
        if hit is not None:
            return f"`{path}` may not be changed: the policy protects `{hit}`"
        return None

    def refuse_host(self, host: str, port: int | None = None) -> str | None:
        """By name; whether its addresses may be private is `allows_private`."""
        if any(host_matches(pattern, host, port) for pattern in self.hosts):
            return None
        where = host if port is None else f"{host}:{port}"
        return f"the host `{where}` may not be reached: it is not in the policy's `hosts`; see `--allow-host`"

    def allows_private(self, host: str, port: int | None = None) -> bool:
        """Whether this host may have a private, loopback or link-local address."""
        return any(host_matches(pattern, host, port) for pattern in self.private_hosts)

    def refuse_command(self, program: str) -> str | None:
        """A path is allowed by itself only, a bare name by that name."""
        if program in self.commands:
            return None
        return f"the program `{program}` may not run: it is not in the policy's `commands`; see `--allow-command`"

    def refuse_environment(self, name: str) -> str | None:
        if name_matches(self.environment, name):
            return None
        return f"the environment variable `{name}` may not be seen: it is not in the policy's `environment`"

    def refuse_model(self, name: str) -> str | None:
        if self.models is None or name_matches(self.models, name):
            return None
        return f"the model `{name}` may not be asked: it is not in the policy's `models`"

    def refuse_secret(self, name: str) -> str | None:
        if name_matches(self.secrets, name):
            return None
        return f"the secret `{name}` may not be used: it is not in the policy's `secrets`; see `--allow-secret`"

    def refuse_step_type(self, name: str) -> str | None:
        if self.step_types is None or name_matches(self.step_types, name):
            return None
        return f"steps of type `{name}` may not run: it is not in the policy's `step_types`"


def _root_of(path: Path, roots: tuple[Path, ...]) -> Path | None:
    """The real path of the first root that the path is in, where it really is."""
    real = _real(path)
    return next((found for found in map(_real, roots) if real.is_relative_to(found)), None)


def _is_our_own(path: Path) -> bool:
    """Settings, trust, the audit log, the proofs of approvals: no step may touch them, whatever is allowed. Nor may a
    folder around them be given away as a whole."""
    real = _real(path)
    own = [_real(folder) for folder in own_folders()]
    return any(real.is_relative_to(folder) or folder.is_relative_to(real) for folder in own)


def _real(path: Path) -> Path:
    return Path(os.path.normcase(path.resolve()))


DENY_ALL = AccessPolicy()
