"""`policy_for()`: settings, trust and a user's own gestures → the policy of a run.

1. A definition that the user has trusted may read its workspace and change it, and ask models; it reaches no host,
   starts no program and uses no secret. One that is not trusted may nothing of that.
2. What the user's own settings say takes the place of these defaults, for trusted definitions.
3. What the workspace's settings say narrows the result. They can never add to it.
4. What the user allows for this one run, on the command line, is added.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from .access import AccessPolicy
from .narrowing import narrowed
from .patterns import host_of

if TYPE_CHECKING:
    from collections.abc import Iterable

Names = tuple[str, ...] | None


class PolicySettings(BaseModel):
    """`[policy]` in the user's config.toml, `[tool.codefactory.policy]` in a workspace's pyproject.toml. What is not
    given is as the layer below has it. Folders may begin with `~` or be relative to the workspace."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    read: Names = Field(default=None, description="Folders whose files steps may read.")
    write: Names = Field(default=None, description="Folders in which steps may change files.")
    protected: Names = Field(
        default=None, description="More names of files and folders that steps may not change, wherever they are."
    )
    hosts: Names = Field(default=None, description="Hosts that steps may reach.")
    private_hosts: Names = Field(
        default=None, description="Those of `hosts` that may have a private, loopback or link-local address."
    )
    commands: Names = Field(default=None, description="Programs that steps may start, by name or path.")
    environment: Names = Field(default=None, description="Environment variables that steps may see.")
    secrets: Names = Field(default=None, description="Secrets that steps may use.")
    step_types: Names = Field(default=None, description="Types of steps that may run.")
    models: Names = Field(default=None, description='Models that may be asked, as "openai/*".')
    sandbox: Literal["required", "none"] | None = Field(
        default=None, description='"none": code runs without a sandbox where there is none. Only the user may say so.'
    )
    max_file_bytes: int | None = Field(default=None, gt=0, description="The largest file a step may write.")
    max_response_bytes: int | None = Field(default=None, gt=0, description="The largest answer taken from a host.")
    max_output_bytes: int | None = Field(default=None, gt=0, description="The most that code may print.")
    max_usd: float | None = Field(default=None, ge=0, description="US dollars that a run may spend.")
    max_tokens: float | None = Field(default=None, ge=0, description="Tokens that a run may spend.")
    max_calls: float | None = Field(default=None, ge=0, description="Calls of models and hosts that a run may make.")
    max_seconds: float | None = Field(default=None, gt=0, description="Seconds that a run may take.")


@dataclass(frozen=True, slots=True)
class Widening:
    """What a user allows for one run."""

    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()


def policy_for(
    root: Path,
    user: PolicySettings,
    workspace: PolicySettings,
    *,
    trusted: bool,
    widening: Widening | None = None,
) -> AccessPolicy:
    """The policy of a run of a definition that belongs to the workspace at `root`."""
    root = root.resolve()
    base = AccessPolicy(models=())
    if trusted:
        base = AccessPolicy(read=(root,), write=(root,))
        base = AccessPolicy.model_validate(dict(base) | _given(user, root, base))
    # A folder, host or limit that the workspace does not name is as wide as what there is: nothing is narrowed by it.
    base = narrowed(base, AccessPolicy.model_validate(dict(base) | _given(workspace, root, base)))
    return base if widening is None else _widened(base, widening)


def _given(settings: PolicySettings, root: Path, base: AccessPolicy) -> dict[str, Any]:
    given = {name: value for name in settings.model_fields_set if (value := getattr(settings, name)) is not None}
    for name in ("read", "write"):
        if name in given:
            given[name] = tuple(root / Path(folder).expanduser() for folder in given[name])
    if "protected" in given:
        given["protected"] = (*base.protected, *given["protected"])
    return given


def _widened(policy: AccessPolicy, widening: Widening) -> AccessPolicy:
    """Naming an address or `localhost` allows it, although it is private; a name that leads to one is not enough."""
    private = tuple(host for host in widening.hosts if _is_private(host))
    added = {
        "read": (*policy.read, *_absolute(widening.read)),
        "write": (*policy.write, *_absolute(widening.write)),
        "hosts": (*policy.hosts, *widening.hosts),
        "private_hosts": (*policy.private_hosts, *private),
        "commands": (*policy.commands, *widening.commands),
        "secrets": (*policy.secrets, *widening.secrets),
    }
    return AccessPolicy.model_validate(dict(policy) | added)


def _absolute(folders: Iterable[Path]) -> tuple[Path, ...]:
    return tuple(folder.expanduser().resolve() for folder in folders)


def _is_private(host: str) -> bool:
    name, _ = host_of(host)
    try:
        return not ipaddress.ip_address(name).is_global
    except ValueError:
        return name == "localhost"
