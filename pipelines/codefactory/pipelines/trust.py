"""Trust: whether a workspace's own files may name programs, endpoints and secrets. By content hash.

The user trusts a file as it is now. When it changes, it is not trusted until the user says so again. The record lives
in the user's configuration folder, where no workspace can write.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path

import platformdirs


def store_path() -> Path:
    return Path(platformdirs.user_config_dir("codefactory")) / "trust.json"


def content_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_trusted(file: Path, data: bytes) -> bool:
    """Whether the user has trusted `file` with exactly this content."""
    return _read().get(_key(file)) == content_hash(data)


def trust(file: Path) -> None:
    """Record that the user trusts `file` as it is now. Raises OSError."""
    _write(_read() | {_key(file): content_hash(file.read_bytes())})


def revoke(file: Path) -> bool:
    """Forget the trust in `file`; False if there was none. Raises OSError."""
    records = _read()
    if records.pop(_key(file), None) is None:
        return False
    _write(records)
    return True


def _key(file: Path) -> str:
    """The file's real path: a symlink or another spelling does not inherit trust."""
    return os.path.normcase(file.resolve())


def _read() -> dict[str, str]:
    """No record, or one that cannot be read, trusts nothing."""
    try:
        data = json.loads(store_path().read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _write(records: dict[str, str]) -> None:
    path = store_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        json.dump(records, file, indent=1, sort_keys=True)
    Path(file.name).replace(path)
