"""Trust: whether a workspace's own files may name programs, endpoints and secrets, and run. By content hash.

The user trusts a file as it is now, where it is now. When it changes, or its content turns up elsewhere, it is not
trusted until the user says so again. The record lives in the user's configuration folder, where no workspace can write;
a copy of what was trusted lives in the data folder, so that the difference to it can be shown.

What is asked of is the bytes that will be used, never the file: who reads a file, checks it and reads it again checks
nothing. `trusted_bytes` does it right.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from .private_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_COPY_BYTES = 5_000_000


class UntrustedError(Exception):
    """A file is not trusted as it is. The message says how it can be."""

    def __init__(self, what: str, file: Path) -> None:
        super().__init__(f"{what}; look at it and run `codefactory trust {file}`")
        self.file = file


def store_path() -> Path:
    return Path(platformdirs.user_config_dir("codefactory")) / "trust.json"


def content_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_trusted(file: Path, data: bytes) -> bool:
    """Whether the user has trusted `file` with exactly this content."""
    return _read().get(_key(file)) == content_hash(data)


def trusted_bytes(file: Path) -> bytes:
    """The content of a file that the user has trusted: what was checked is what is given. Raises UntrustedError, and
    OSError."""
    data = file.read_bytes()
    if not is_trusted(file, data):
        changed = trusted_copy(file) is not None
        raise UntrustedError(f"{file} {'has changed since you trusted it' if changed else 'is not trusted'}", file)
    return data


def trusted_copy(file: Path) -> bytes | None:
    """The content of the file that the user has trusted last, if it was kept."""
    digest = _read().get(_key(file))
    if digest is None:
        return None
    try:
        data = _copy_path(digest).read_bytes()
    except OSError:
        return None
    return data if content_hash(data) == digest else None


def trusted_files() -> dict[Path, str]:
    """All that is trusted → content hash."""
    return {Path(file): digest for file, digest in sorted(_read().items())}


def trust(file: Path, data: bytes | None = None) -> None:
    """Record that the user trusts `file` with this content, the one they were shown; None: with what it has now. Raises
    OSError."""
    data = file.read_bytes() if data is None else data
    digest = content_hash(data)
    if len(data) <= MAX_COPY_BYTES:
        write_private(_copy_path(digest), data)
    _write(_read() | {_key(file): digest})


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
        write_private(_versions_path(), json.dumps(known | {version: made_of}, indent=1, sort_keys=True).encode())


def is_version_trusted(version: str) -> bool:
    """Whether the user has run this version of a pipeline as a trusted one, and has not revoked that since."""
    made_of = _read_versions().get(version)
    records = _read()
    return bool(made_of) and all(records.get(file) == digest for file, digest in (made_of or {}).items())


def _versions_path() -> Path:
    return store_path().with_name("trusted-versions.json")


def _read_versions() -> dict[str, dict[str, str]]:
    return {v: files for v, files in _read_json(_versions_path()).items() if isinstance(files, dict)}


def _key(file: Path) -> str:
    """The file's real path: a symlink or another spelling does not inherit trust."""
    return os.path.normcase(file.resolve())


def _copy_path(digest: str) -> Path:
    return Path(platformdirs.user_data_dir("codefactory")) / "trusted" / digest


def _read() -> dict[str, str]:
    """No record, or one that cannot be read or that others could have written, trusts nothing."""
    return {str(file): str(digest) for file, digest in _read_json(store_path()).items()}


def _write(records: dict[str, str]) -> None:
    write_private(store_path(), json.dumps(records, indent=1, sort_keys=True).encode())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if os.name == "posix" and (status.st_mode & 0o022 or status.st_uid not in (os.geteuid(), 0)):
                return {}
            data: Any = json.load(file)
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}  # pyright: ignore[reportUnknownVariableType]
