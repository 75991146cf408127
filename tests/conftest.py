"""What all tests share: analyzers with their worker processes, started once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from codefactory.analyzers import Analyzers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session", autouse=True)
def user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the tests spend, trust and note is not the user's, and no reply comes from the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("user")
        for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(folder / name.lower()))
        yield folder


@pytest.fixture(scope="session")
def analyzers() -> Iterator[Analyzers]:
    running = Analyzers()
    yield running
    running.close()
