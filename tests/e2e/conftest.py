"""One server for all tests that need no settings of their own, and projects to open in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from editor import serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from editor import Editor

RUFF = 'lint.select = ["E", "F", "S"]\n'


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The user's own settings stay out of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA"):
            patch.setenv(name, str(folder))
        (folder / "codefactory").mkdir()
        # A model server that runs on the developer's machine is no part of a test.
        (folder / "codefactory" / "config.toml").write_text("[local]\ndiscover = false\n", "utf-8")
        yield folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def editor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    async with serving(tmp_path_factory.getbasetemp()) as running:
        yield running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def previewing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    async with serving(tmp_path_factory.getbasetemp(), options={"preview": True}) as running:
        yield running


@pytest.fixture
def viewer(previewing: Editor) -> Editor:
    """A client with a view of its own for proposals, as new."""
    previewing.before_edit = lambda: None
    previewing.apply_edits = previewing.edit_buffer
    previewing.edits = previewing.refusals = 0
    return previewing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project in which ruff has security rules."""
    (tmp_path / "ruff.toml").write_text(RUFF)
    return tmp_path


@pytest.fixture
def uri(project: Path) -> str:
    return (project / "app.py").as_uri()


@pytest.fixture
def write(project: Path) -> Callable[[str, str], str]:
    """Write a file of the project; its URI."""

    def write_file(name: str, text: str) -> str:
        (project / name).write_bytes(text.encode())
        return (project / name).as_uri()

    return write_file
