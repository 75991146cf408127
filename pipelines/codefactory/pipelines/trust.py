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
from typing import TYPE_CHECKING, Any

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def remember_version(version: str, files: Mapping[Path, str]) -> None:
    """Note that a pipeline of this version is made of these files, all of them trusted. Raises OSError."""
    known = _read_versions()
    made_of = {_key(file): digest for file, digest in files.items()}
    if known.get(version) != made_of:
        _write_json(_versions_path(), known | {version: made_of})


def is_version_trusted(version: str) -> bool:
    """Whether the user has run this version of a pipeline as a trusted one, and has not revoked that since."""
    made_of = _read_versions().get(version)
    records = _read()
    return bool(made_of) and all(records.get(file) == digest for file, digest in (made_of or {}).items())


def _versions_path() -> Path:
    return store_path().with_name("trusted-versions.json")


def _read_versions() -> dict[str, dict[str, str]]:
    try:
        data: Any = json.loads(_versions_path().read_bytes())
        return {str(v): {str(k): str(d) for k, d in files.items()} for v, files in data.items()}
    except (OSError, ValueError, AttributeError):
        return {}


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
    _write_json(store_path(), records)


def _write_json(path: Path, records: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        json.dump(records, file, indent=1, sort_keys=True)
    Path(file.name).replace(path)
