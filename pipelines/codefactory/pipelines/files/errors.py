"""What can go wrong with files."""

from __future__ import annotations

from codefactory.pipelines.engine.errors import StepError


class FileError(StepError):
    """A file cannot be touched as asked. The message names it and says why."""


class AccessError(FileError):
    """The policy or a rule of ours does not allow it."""


def said(path: object, error: OSError) -> FileError:
    """The system's error, with the path that the user knows."""
    return FileError(f"`{path}`: {(error.strerror or str(error)).lower()}")
