"""`Principal`: who runs, answers, cancels; and what a role may do. Checked at the engine's door."""

from __future__ import annotations

import getpass
import json
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


def principal_from_json(text: str) -> Principal:
    """Raises ValueError for what is none. What a store says of a role is not believed: only the name is taken."""
    data = json.loads(text)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str):  # pyright: ignore[reportUnknownMemberType]
        raise ValueError("not a principal")
    return Principal(data["name"], "viewer")  # pyright: ignore[reportUnknownArgumentType]


@cache
def local_principal() -> Principal:
    """The user of the operating system. On their own machine they are admin."""
    return Principal(getpass.getuser(), "admin")
