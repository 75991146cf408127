"""`Catalogue`: the local models that can be had, with where from; and where they are kept once they are here."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPUTE_BYTES = 300_000_000
"""What a model's process needs beside the model and its context."""
_HASHED = 1 << 20


class CatalogueError(Exception):
    """A model that is not in the catalogue, or a catalogue that cannot be read. The message says what to do."""


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Entry(BaseModel):
    model_config = ConfigDict(alias_generator=_kebab, populate_by_name=True, extra="forbid", frozen=True)


class Source(_Entry):
    """A URL, or packages whose wheels hold the file."""

    url: str | None = Field(default=None, pattern=r"^https?://")
    packages: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*(\{\}[A-Za-z0-9._-]*)?$")
    count: int = Field(default=1, ge=1, le=999)
    member: str = "*.gguf"

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.url is None) == (self.packages is None):
            raise ValueError("a source has either `url` or `packages`")
        if self.packages is not None and self.count > 1 and "{}" not in self.packages:
            raise ValueError("`packages` of several parts has {} in its name")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The packages, in the order of their parts."""
        return tuple(self.packages.format(number) for number in range(1, self.count + 1)) if self.packages else ()

    def __str__(self) -> str:
        return self.url or (self.names[0] if self.count == 1 else f"{self.names[0]} … {self.names[-1]}")


class LocalModel(_Entry):
    """A model file, as the catalogue pins it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
    title: str
    licence: str
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.gguf$")]
    bytes: int = Field(gt=0)
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    context_tokens: int = Field(gt=0, description="The longest context the model was made for.")
    cache_bytes_per_token: int = Field(ge=0)
    chat_template: str = ""
    note: str = ""
    default: bool = Field(default=True, description="Whether it may be used without having been chosen.")
    sources: tuple[Source, ...] = ()

    @property
    def path(self) -> Path:
        """Where the file is once it has been pulled."""
        return folder() / self.file

    def memory_bytes(self, context_tokens: int) -> int:
        """What a process with a context of this length needs, about."""
        return self.bytes + COMPUTE_BYTES + min(context_tokens, self.context_tokens) * self.cache_bytes_per_token

    def is_pulled(self) -> bool:
        """Whether the verified file is here, going by its size, its time and the record of the check."""
        return self.path.is_file() and _record(self.path).read() == _stamp(self.path, self.sha256)

    def verify(self) -> bool:
        """Whether the file here has the pinned hash. Reads it only when it is not as it was at the last check."""
        if self.is_pulled():
            return True
        if not self.path.is_file() or self.path.stat().st_size != self.bytes or sha256(self.path) != self.sha256:
            return False
        _record(self.path).write(_stamp(self.path, self.sha256))
        return True

    def remove(self) -> int:
        """Remove the file and what is left of pulls that did not end. Returns the bytes freed. Raises OSError."""
        freed = 0
        for path in (self.path, _record(self.path).path, *folder().glob(f"{self.file}.partial*")):
            if path.is_file():
                freed += path.stat().st_size
                path.unlink()
        return freed


class _Document(_Entry):
    models: tuple[LocalModel, ...] = ()


@dataclass(frozen=True, slots=True)
class Catalogue:
    """By name; the user's own entries come after ours and win over them."""

    models: dict[str, LocalModel]

    def __iter__(self) -> Iterator[LocalModel]:
        return iter(self.models.values())

    def get(self, name: str) -> LocalModel:
        """Raises CatalogueError, with the names there are."""
        found = self.models.get(name.removeprefix("embedded/"))
        if found is None:
            raise CatalogueError(
                f"There is no local model {name!r}. There are: {', '.join(self.models)}. "
                f"Models of your own go into {user_file()}."
            )
        return found

    def pulled(self) -> tuple[LocalModel, ...]:
        return tuple(model for model in self if model.is_pulled())


def folder() -> Path:
    """Where model files are kept: the user's cache."""
    return Path(platformdirs.user_cache_dir("codefactory")) / "models"


def user_file() -> Path:
    """The user's own catalogue, in the format of ours."""
    return Path(platformdirs.user_config_dir("codefactory")) / "models.toml"


def load() -> Catalogue:
    """Our catalogue and the user's. Raises CatalogueError."""
    found = dict(_bundled())
    path = user_file()
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return Catalogue(found)
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}") from error
    try:
        entries = _Document.model_validate(tomllib.loads(text)).models
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise CatalogueError(f"{path}: `{where}` is not valid: {first['msg']}") from error
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"{path} is not valid: {error}") from error
    return Catalogue(found | {model.name: model for model in entries})


@lru_cache(maxsize=1)
def _bundled() -> dict[str, LocalModel]:
    text = Path(__file__).with_name("catalogue.toml").read_text("utf-8")
    return {model.name: model for model in _Document.model_validate(tomllib.loads(text)).models}


def sha256(path: Path) -> str:
    """Of a whole file, read in blocks. Raises OSError."""
    import hashlib

    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_HASHED):
            digest.update(block)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Record:
    """What was known of a file when its hash was last checked, so that a gigabyte is not read at every start."""

    path: Path

    def read(self) -> Any:
        try:
            return json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return None

    def write(self, stamp: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(stamp), "utf-8")


def _record(path: Path) -> _Record:
    return _Record(path.with_name(path.name + ".verified"))


def _stamp(path: Path, expected: str) -> dict[str, Any]:
    status = path.stat()
    return {"sha256": expected, "bytes": status.st_size, "modified_ns": status.st_mtime_ns}


def size(count: int) -> str:
    """As "1.12 GB"."""
    text = f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
    return re.sub(r"\.00 ", " ", text)
