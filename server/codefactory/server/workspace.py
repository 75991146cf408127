"""The files of workspace folders that can be repaired."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from codefactory.analyzers import language_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .configuration import Folder

LANGUAGES = frozenset({"python"})


async def files(folders: Sequence[Folder]) -> list[str]:
    """URIs, in order of path; without what git ignores."""
    roots = [folder.path for folder in folders if folder.path is not None]
    return await asyncio.to_thread(_files, roots)


def _files(roots: Sequence[Path]) -> list[str]:
    from codefactory.pipelines.gate import workspace

    paths = {root / name for root in roots for name in workspace.files(root) if language_of(str(name)) in LANGUAGES}
    return [path.as_uri() for path in sorted(paths)]
