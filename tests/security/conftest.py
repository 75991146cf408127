"""The sandboxes that there are on this machine. Tests that are given one run once for each."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from codefactory.pipelines.sandbox import Sandbox


def bubblewrap() -> Sandbox | str:
    from codefactory.pipelines.sandbox import Sandbox
    from codefactory.pipelines.sandbox import bubblewrap as module

    program = module.find()
    return Sandbox(module.Bubblewrap(program)) if program else "bubblewrap is not installed here"


def landlock() -> Sandbox | str:
    from codefactory.pipelines.sandbox import Sandbox
    from codefactory.pipelines.sandbox import landlock as module

    made = module.available()
    return made if isinstance(made, str) else Sandbox(made)


def landlock_alone() -> Sandbox | str:
    """As where there may be no user namespaces: in most containers, and on Ubuntu."""
    from codefactory.pipelines.sandbox import Sandbox
    from codefactory.pipelines.sandbox import landlock as module

    made = module.available()
    return made if isinstance(made, str) else Sandbox(module.Landlock(made.abi, namespaces=False))


MECHANISMS: dict[str, Callable[[], Sandbox | str]] = {
    "bubblewrap": bubblewrap,
    "landlock": landlock,
    "landlock-alone": landlock_alone,
}


@pytest.fixture(params=MECHANISMS)
async def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    if sys.platform != "linux":
        pytest.skip("these mechanisms are Linux's")
    made = MECHANISMS[request.param]()
    if isinstance(made, str):
        pytest.skip(made)
    done = await made.run(["/bin/sh", "-c", "echo works"])
    if done.stdout != b"works\n":
        pytest.skip(f"{request.param} does not work here: {done.stderr.decode()}")
    return made
