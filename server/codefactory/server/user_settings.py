"""The user's own `config.toml`, changed by a program: everything else in it stays, comments too."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def path() -> Path:
    from codefactory.pipelines.settings import user_file

    return user_file()


def change(section: str, values: Mapping[str, Any]) -> Path:
    """Set `values` in a section; None removes a key. Keys in snake_case. Returns the file.

    Raises ValueError where the file is not valid, OSError.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError
    from tomlkit.items import Table

    file = path().resolve()  # a link, as dotfiles are kept, stays one
    try:
        document: Any = tomlkit.parse(file.read_bytes().decode("utf-8"))
    except FileNotFoundError:
        document = tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not valid: {error}") from error
    table: Any = document.get(section)
    if table is None:
        table = document[section] = tomlkit.table()
    if not isinstance(table, Table):
        raise ValueError(f"{file}: [{section}] is not a table")
    for key, value in values.items():
        spelled = next((k for k in table if _snake(k) == key), key)
        if value is not None:
            table[spelled] = value
        elif spelled in table:
            del table[spelled]
    _write(file, tomlkit.dumps(document))
    return file


def _snake(key: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in key).replace("-", "_")


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile("wb", dir=file.parent, delete=False) as beside:
        beside.write(text.encode("utf-8"))
    if file.exists():
        os.chmod(beside.name, file.stat().st_mode & 0o777)  # noqa: PTH101
    Path(beside.name).replace(file)
