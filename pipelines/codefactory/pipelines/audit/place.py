"""`Place`: where the log is, and, in another folder, its key and its head.

The log is in the user's data folder. What proves it is in the configuration folder: whoever can write to the one only
can neither make records nor take the last ones away unnoticed.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from codefactory.pipelines.private_files import write_private

_ROTATED = re.compile(r"audit-(\d{6})\.jsonl")


@dataclass(frozen=True, slots=True)
class Head:
    """The last record, as it was noted apart from the log."""

    n: int
    code: str


@dataclass(frozen=True, slots=True)
class Place:
    log_folder: Path
    proof_folder: Path

    @classmethod
    def of_user(cls) -> Place:
        data, config = platformdirs.user_data_dir("codefactory"), platformdirs.user_config_dir("codefactory")
        return cls(Path(data) / "audit", Path(config))

    @property
    def file(self) -> Path:
        """The file that is written to."""
        return self.log_folder / "audit.jsonl"

    @property
    def lock(self) -> Path:
        return self.log_folder / "audit.lock"

    def files(self) -> list[Path]:
        """All of the log, the oldest first."""
        older = sorted(f for f in self.log_folder.glob("audit-*.jsonl") if _ROTATED.fullmatch(f.name))
        return [*older, *([self.file] if self.file.exists() else [])]

    def rotated(self) -> Path:
        """The name that the current file gets when it is full."""
        numbers = [int(m[1]) for f in self.log_folder.glob("audit-*.jsonl") if (m := _ROTATED.fullmatch(f.name))]
        return self.log_folder / f"audit-{max(numbers, default=0) + 1:06d}.jsonl"

    def key(self, *, make: bool = False) -> bytes | None:
        """What records are proved with; None if there is none. Raises OSError."""
        path = self.proof_folder / "audit.key"
        try:
            return bytes.fromhex(path.read_text("ascii").strip())
        except FileNotFoundError:
            if not make:
                return None
        except ValueError as error:
            raise OSError(f"{path} is no key") from error
        write_private(path, secrets.token_hex(32).encode())
        return bytes.fromhex(path.read_text("ascii").strip())

    def head(self) -> Head | None:
        try:
            data = json.loads((self.proof_folder / "audit.head").read_bytes())
            return Head(int(data["n"]), str(data["code"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put_head(self, head: Head) -> None:
        """Raises OSError."""
        data = json.dumps({"n": head.n, "code": head.code}).encode()
        write_private(self.proof_folder / "audit.head", data, durable=False)
