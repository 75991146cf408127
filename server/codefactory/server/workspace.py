"""The files of workspace folders that can be repaired."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .configuration import Folder

LANGUAGES = frozenset({"python"})


async def files(folders: Sequence[Folder]) -> list[str]:
    """URIs, in order of path; those the command line would take."""
    roots = [folder.path for folder in folders if folder.path is not None]
    return await asyncio.to_thread(_files, roots)


def _files(roots: Sequence[Path]) -> list[str]:
    from .selection import select

    selected = select([root for root in roots if root.is_dir()])
    return [s.path.absolute().as_uri() for s in selected if s.language in LANGUAGES]
