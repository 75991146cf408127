"""What the project around a document has to say to a change of it: who uses its names, and whether the tests pass."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codefactory.analyzers import Snapshot
    from codefactory.pipelines.gate import UsesElsewhere
    from codefactory.pipelines.project import Project
    from codefactory.pipelines.proposal import SuiteRun

    from .workbench import ProjectTests


def uses_elsewhere(project: Project, snapshot: Snapshot) -> UsesElsewhere | None:
    """Who else uses a file's public names; a document that is no file has no users."""
    if snapshot.path is None:
        return None
    from codefactory.pipelines.gate.uses import WorkspaceUses

    return WorkspaceUses(project.root, Path(snapshot.path))


def project_tests(project: Project, snapshot: Snapshot) -> ProjectTests | None:
    """The project's tests, where its user has set them, on a copy that has the document as the snapshot has it."""
    settings = project.settings.tests
    path = Path(snapshot.path) if snapshot.path else None
    if not settings.command or path is None or not path.is_relative_to(project.root):
        return None
    saved = snapshot.version is None

    async def run(text: str | None) -> SuiteRun:
        from codefactory.pipelines.gate.project_tests import run_tests

        # A file that was read from the disk stands there already, in its own encoding.
        changed = {} if text is None and saved else {path: snapshot.text if text is None else text}
        return await run_tests(settings.command, project.root, changed, settings.timeout_s, sandbox=settings.sandbox)

    return run
