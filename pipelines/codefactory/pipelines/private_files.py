"""Files of the user's that nobody else may read, and that no step of a pipeline may touch."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import platformdirs


def own_folders() -> tuple[Path, ...]:
    """Where our own settings, trust, audit log and questions are."""
    found = (platformdirs.user_config_dir("codefactory"), platformdirs.user_data_dir("codefactory"))
    return tuple(Path(folder) for folder in dict.fromkeys(found))


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """All or nothing, readable by its owner only. `durable`: it survives a power cut. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
