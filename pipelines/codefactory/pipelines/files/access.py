"""`Access`: from a path as a definition writes it to an open folder and a name in it."""

from __future__ import annotations

import os
import stat
from collections import deque
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from codefactory.pipelines.private_files import own_folders

from .errors import AccessError, FileError, said
from .folder import Folder
from .guard import check_changeable, check_place
from .spelling import normalised

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from contextlib import AbstractContextManager

    from codefactory.pipelines.policy import AccessPolicy

MAX_LINKS = 40
_Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Place:
    """A name in an open folder; valid inside of the `with` that gave it. `name` is empty for a policy's folder
    itself."""

    folder: Folder
    name: str
    path: Path
    """The real path."""
    shown: str
    """As written, for messages."""
    found: os.stat_result | None
    """What is there; None: nothing."""

    @property
    def is_folder(self) -> bool:
        return self.found is not None and stat.S_ISDIR(self.found.st_mode)


@dataclass(frozen=True, slots=True)
class Access:
    """The folders that steps may use. Relative paths are taken from `base`."""

    read: tuple[Path, ...]
    write: tuple[Path, ...]
    base: Path | None
    records: Path | None = None
    """The folder of the run store, which steps may not change wherever it is."""
    max_file_bytes: int = 2_000_000_000
    protected: frozenset[str] = frozenset()
    """Names that steps may not change, in lower case."""
    spelled: tuple[tuple[Path, Path], ...] = ()
    """Folders as the policy spells them, with their real paths."""
    _store: _Identity | None = field(default=None)
    _own: frozenset[_Identity] = frozenset()
    """Our own settings, trust and audit log: nothing of them is read either."""

    @classmethod
    def of(cls, policy: AccessPolicy, records: Path | None = None) -> Access:
        """Relative paths are taken from the first folder that may be read, else the first that may be changed."""
        read, write = _real(policy.read), _real(policy.write)
        base = next(iter((*read, *write)), None)
        own = frozenset(found for folder in own_folders() if (found := _identity_of(folder)) is not None)
        store = _identity_of(records) if records is not None else None
        spelled = tuple(zip((*policy.read, *policy.write), (*read, *write), strict=True))
        protected = frozenset(name.casefold() for name in policy.protected)
        return cls(read, write, base, records, policy.max_file_bytes, protected, spelled, store, own)

    def reading(self, text: str, *, follow: bool = True) -> AbstractContextManager[Place]:
        """Raises AccessError, or FileError if a folder on the way does not exist."""
        return self._place(text, self.read, "read", follow=follow)

    def writing(self, text: str, *, follow: bool = True, parents: bool = False) -> AbstractContextManager[Place]:
        """As `reading`; `parents`: make the folders on the way."""
        return self._place(text, self.write, "change", follow=follow, parents=parents)

    def shown(self, path: Path) -> str:
        """Relative to the base where it is in it, with `/` between names."""
        if self.base is not None and path.is_relative_to(self.base):
            return path.relative_to(self.base).as_posix()
        return path.as_posix()

    def is_records(self, found: os.stat_result) -> bool:
        """Whether this is a folder of ours: the run store, or settings, trust and audit log."""
        identity = (found.st_dev, found.st_ino)
        return identity == self._store or identity in self._own

    @contextmanager
    def _place(
        self, text: str, roots: Sequence[Path], verb: Literal["read", "change"], *, follow: bool, parents: bool = False
    ) -> Generator[Place]:
        path = self._absolute(text, roots, verb)
        root = _root_of(path, roots)
        if root is None:
            raise AccessError(f"`{text}` is outside of the folders that this run may {verb} ({_listed(roots)})")
        with ExitStack() as stack:
            try:
                walk = _Walk(roots, root, stack, text, verb, self.protected if parents else None)
                folder, name, found = walk.to(path.relative_to(root).parts, follow=follow)
            except OSError as error:
                raise said(text, error) from error
            real = folder.path / name if name else folder.path
            check_place(real, (found or folder.stat()).st_dev)
            self._check_records(walk, real, found, text, verb)
            if verb == "change":
                check_changeable(real, _root_of(real, roots) or root, self.protected)
            yield Place(folder, name, real, text, found)

    def _absolute(self, text: str, roots: Sequence[Path], verb: str) -> Path:
        clean = PurePosixPath(normalised(text)) if os.name != "nt" else Path(normalised(text))
        if not roots:
            raise AccessError(f"this run may {verb} no files; name folders in the policy (`{_KEYS[verb]}`)")
        if clean.is_absolute():
            path = Path(clean)
            given = next((pair for pair in self.spelled if path.is_relative_to(pair[0])), None)
            return given[1] / path.relative_to(given[0]) if given is not None else path
        if clean.parts[:1] == ("..",):
            raise AccessError(f"`{text}` leads out of the folder that paths are taken from")
        return (self.base or roots[0]) / clean

    def _check_records(
        self, walk: _Walk, real: Path, found: os.stat_result | None, text: str, verb: Literal["read", "change"]
    ) -> None:
        passed = {*walk.identities, *([(found.st_dev, found.st_ino)] if found is not None else [])}
        if passed & self._own or any(real.is_relative_to(folder) for folder in _real(own_folders())):
            raise AccessError(f"`{text}` belongs to Code Factory's settings and records: steps may not {verb} it")
        if verb == "change" and self._store in passed:
            raise AccessError(f"`{text}` belongs to the run store: steps may not change it")


_KEYS = {"read": "read", "change": "write"}


def _identity_of(folder: Path) -> _Identity | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _real(folders: Sequence[Path]) -> tuple[Path, ...]:
    return tuple(Path(os.path.realpath(f)) for f in folders)


def _root_of(path: Path, roots: Sequence[Path]) -> Path | None:
    """The innermost of the folders that the path is in."""
    around = [r for r in roots if path.is_relative_to(r)]
    return max(around, key=lambda r: len(r.parts), default=None)


def _listed(roots: Sequence[Path]) -> str:
    return ", ".join(f"`{r}`" for r in roots[:4]) + (", …" if len(roots) > 4 else "")


class _Walk:
    """From a root to a place, component by component. A link's text is read and walked by us, so that it cannot lead
    out; `..` in one goes back to the folder that we came from."""

    def __init__(
        self,
        roots: Sequence[Path],
        root: Path,
        stack: ExitStack,
        shown: str,
        verb: str,
        parents: frozenset[str] | None,
    ) -> None:
        """`parents`: make missing folders, but none of these names."""
        self._roots = roots
        self._exit = stack
        self._shown = shown
        self._verb = verb
        self._parents = parents
        if parents is not None:
            root.mkdir(parents=True, exist_ok=True)
        self._folders = [self._opened(Folder.root(root))]
        self._links = 0

    @property
    def identities(self) -> list[_Identity]:
        """Of all folders on the way."""
        return [(found.st_dev, found.st_ino) for found in (f.stat() for f in self._folders)]

    def to(self, parts: Sequence[str], *, follow: bool) -> tuple[Folder, str, os.stat_result | None]:
        """The folder, the name in it, and what is there. Raises OSError and AccessError."""
        ahead = deque(parts)
        while ahead:
            part = ahead.popleft()
            folder = self._folders[-1]
            if part in ("", "."):
                continue
            if part == "..":
                self._up()
                continue
            found = folder.find(part)
            if found is not None and stat.S_ISLNK(found.st_mode) and (ahead or follow):
                ahead.extendleft(reversed(self._link(folder, part)))
            elif not ahead:
                return folder, part, found
            else:
                self._enter(folder, part, found)
        return self._last()

    def _last(self) -> tuple[Folder, str, os.stat_result | None]:
        """The walk ended in a folder: a root, or by a link."""
        folder = self._folders[-1]
        if len(self._folders) == 1:
            return folder, "", folder.stat()
        return self._folders[-2], folder.path.name, folder.stat()

    def _opened(self, folder: Folder) -> Folder:
        self._exit.callback(folder.close)
        return folder

    def _enter(self, folder: Folder, name: str, found: os.stat_result | None) -> None:
        if found is None:
            if self._parents is None:
                raise FileError(f"`{self._shown}`: there is no folder `{name}` in `{folder.path}`")
            check_changeable(folder.path / name, self._folders[0].path, self._parents)
            with suppress(FileExistsError):  # another step was faster
                folder.make(name)
        self._folders.append(self._opened(folder.enter(name)))

    def _up(self) -> None:
        if len(self._folders) == 1:
            raise AccessError(f"`{self._shown}` leads through a link out of the folders this run may {self._verb}")
        self._folders.pop()

    def _link(self, folder: Folder, name: str) -> Sequence[str]:
        """The components that a link stands for, from where the walk then is."""
        self._links += 1
        if self._links > MAX_LINKS:
            raise AccessError(f"`{self._shown}` leads through more than {MAX_LINKS} links")
        target = Path(folder.link_target(name))
        if not target.is_absolute():
            return target.parts
        root = _root_of(target, self._roots)
        if root is None:
            raise AccessError(
                f"`{self._shown}` leads through the link `{folder.path / name}` to `{target}`, out of the folders this "
                f"run may {self._verb}"
            )
        self._folders = [self._opened(Folder.root(root))]
        return target.relative_to(root).parts
