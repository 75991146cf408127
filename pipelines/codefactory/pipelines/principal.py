"""`Principal`: who runs, answers, cancels; and what a role may do. Checked at the engine's door."""

from __future__ import annotations

import getpass
import json
import os
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

Role = Literal["viewer", "runner", "author", "admin"]
"""Each may do what those before it may. viewer: look. runner: start runs; answer, cancel and resume their own. author:
also fork runs, edit outputs, and resume or cancel the runs of others. admin: everything, policy and trust included."""
ROLES: tuple[Role, ...] = get_args(Role)

Action = Literal["start", "resume", "answer", "cancel", "fork", "edit"]
_NEEDED: dict[Action, tuple[Role, Role]] = {
    "start": ("runner", "runner"),
    "answer": ("runner", "runner"),
    "resume": ("runner", "author"),
    "cancel": ("runner", "author"),
    "fork": ("author", "author"),
    "edit": ("author", "author"),
}
"""Action → the role that is needed for one's own run, and for a run of somebody else."""


@dataclass(frozen=True, slots=True)
class Principal:
    name: str
    role: Role = "runner"

    def refuse(self, action: Action, owner: str | None = None) -> str | None:
        """Why this principal may not do that, to a run of `owner` (None: a new run or one's own). None: they may."""
        own, others = _NEEDED[action]
        needed = own if owner in (None, self.name) else others
        if ROLES.index(self.role) >= ROLES.index(needed):
            return None
        whose = "" if owner is None else " their own run" if owner == self.name else f" a run of {owner}"
        return f"{self.name} has the role {self.role} and may not {action}{whose}: that takes the role {needed}"

    def to_json(self) -> str:
        return json.dumps({"name": self.name, "role": self.role})


def owner_name(kept: str | None) -> str:
    """Whose run a store says it is; the local user's, where it says nothing. What it says of a role is not believed."""
    if kept is None:
        return local_principal().name
    try:
        return str(json.loads(kept)["name"])
    except (ValueError, TypeError, KeyError):
        return ""


@cache
def local_principal() -> Principal:
    """The user of the operating system, whatever the environment says. On their own machine they are admin."""
    try:
        import pwd

        return Principal(pwd.getpwuid(os.getuid()).pw_name, "admin")
    except (ImportError, KeyError):
        return Principal(getpass.getuser(), "admin")
