"""`SecretSource`: where a secret is. Its value is read when a step needs it, and kept nowhere."""

from __future__ import annotations

import importlib
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

COMMAND_TIMEOUT_S = 30.0
MAX_BYTES = 100_000


class SecretError(Exception):
    """A secret cannot be had. The message names it and the remedy, and has nothing of its value."""


class SecretSource(BaseModel):
    """One of the four. Only the user's own config.toml can say so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = Field(default=None, description="An environment variable.")
    keyring: str | None = Field(default=None, description='An entry of the system\'s keyring: "service/user".')
    command: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="A program that prints it, with its arguments."
    )
    file: str | None = Field(
        default=None, description="A file outside of the workspace that only its owner can read (mode 0600)."
    )

    @model_validator(mode="after")
    def _one(self) -> SecretSource:
        given = [name for name in ("env", "keyring", "command", "file") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of env, keyring, command and file")
        return self


def read(name: str, source: SecretSource, workspace: Path | None) -> str:
    """The value. Blocks. Raises SecretError."""
    try:
        if source.env is not None:
            return _from_environment(source.env)
        if source.keyring is not None:
            return _from_keyring(source.keyring)
        if source.command is not None:
            return _from_command(source.command)
        return _from_file(Path(source.file or "").expanduser(), workspace)
    except SecretError as error:
        raise SecretError(f"the secret `{name}` cannot be read: {error}") from error


def _from_environment(variable: str) -> str:
    value = os.environ.get(variable)
    if not value:
        raise SecretError(f"the environment variable {variable} is not set")
    return value


def _from_keyring(entry: str) -> str:
    service, _, user = entry.partition("/")
    try:
        keyring: Any = importlib.import_module("keyring")
    except ImportError:
        raise SecretError("the package `keyring` is not installed; install it beside Code Factory") from None
    try:
        value: str | None = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 every keyring's backend raises its own
        raise SecretError(f"the keyring failed ({type(error).__name__})") from None
    if not value:
        raise SecretError(f"the keyring has no entry {service!r} for {user!r}")
    return value


def _from_command(command: tuple[str, ...]) -> str:
    """What it prints on standard error may have parts of the secret: it is not shown."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise SecretError(f"`{command[0]}` did not end within {COMMAND_TIMEOUT_S:g} s") from None
    except OSError as error:
        raise SecretError(f"`{command[0]}` cannot be started: {error.strerror or error}") from None
    if done.returncode:
        raise SecretError(f"`{command[0]}` ended with code {done.returncode}")
    return _text(done.stdout, f"`{command[0]}` printed")


def _from_file(path: Path, workspace: Path | None) -> str:
    """The file that is checked is the file that is read: it is opened once."""
    if not path.is_absolute():
        raise SecretError(f"the path {path} is not absolute")
    if workspace is not None and path.resolve().is_relative_to(workspace.resolve()):
        raise SecretError(f"{path} is inside of the workspace, where pipelines can write; keep it outside")
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SecretError(f"{path} is no regular file")
            if os.name == "posix" and status.st_mode & 0o077:
                raise SecretError(f"{path} can be read by others; run `chmod 600 {path}`")
            return _text(file.read(MAX_BYTES + 1), f"{path} holds")
    except OSError as error:
        raise SecretError(f"{path} cannot be opened: {error.strerror or error}") from None


def _text(data: bytes, what: str) -> str:
    if len(data) > MAX_BYTES:
        raise SecretError(f"{what} more than {MAX_BYTES:,} bytes")
    try:
        value = data.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{what} something that is no UTF-8 text") from None
    if not value:
        raise SecretError(f"{what} nothing")
    return value
