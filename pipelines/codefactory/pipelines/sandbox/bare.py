"""No sandbox: for a policy that says so. Bounds and the end of the tree are as with one; walls there are none."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .limiting import beside_others, limited
from .sandbox import TEMPORARY, Prepared, private_folder

if TYPE_CHECKING:
    from collections.abc import Generator

    from .sandbox import MechanismName, Request


class Bare:
    name: MechanismName = "none"
    detail = "none: programs run with all rights of the user; limits only"

    @contextmanager
    def prepare(self, request: Request) -> Generator[Prepared]:
        with private_folder() as temporary:
            environment = relocated(request, temporary)
            folder = str(request.folder or temporary)
            command = limited(request.arguments, request.limits, beside_others(request.limits))
            yield Prepared(command, environment, folder, temporary=Path(temporary))


def relocated(request: Request, temporary: str) -> dict[str, str]:
    """The environment, with the private folder where there is no namespace to give it its name in."""
    return {k: temporary if v == TEMPORARY else v for k, v in request.environment.items()}
