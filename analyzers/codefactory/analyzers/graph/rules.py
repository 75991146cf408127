"""`LanguageRules`: all that the graph knows about one language. See `languages/` for the ones there are."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tree_sitter import Tree

    from .imports import FileImports
    from .index import FileIndex


class Reason(StrEnum):
    """Why an import leads to no file of the graph."""

    EXTERNAL = "external"
    """A package that is installed, not part of this tree."""
    STANDARD = "standard library"
    NAMESPACE = "a folder without a file of its own"
    MISSING = "no such file"
    """It should be here: relative, or below a package that is here."""
    OUTSIDE = "outside the workspace"
    ASSET = "not source code"
    """The file may exist but is of a language without a graph: a style sheet, JSON, a compiled module."""
    SELF = "the file itself"


class Resolution(NamedTuple):
    """Where an import leads: to one file, to all files of a folder (Go's packages), or nowhere for a reason."""

    target: str | None = None
    reason: Reason | None = None
    folder: bool = False
    """`target` is a folder as `FileIndex.folders` has it."""


class Resolver(Protocol):
    """Finds what imports mean in one state of the file tree. It may remember; `forget` makes it look again."""

    def resolve(self, path: str, module: str, name: str) -> Resolution:
        """What `name` of `module` (see `RawImport`), imported by the file `path`, is."""
        ...

    def forget(self, configuration: bool) -> None:
        """Files came or went; `configuration`: one of `LanguageRules.configurations` changed too."""
        ...

    def settle(self) -> None:
        """All that was to be resolved is: drop what was kept only to resolve many faster."""
        ...

    def members(self, folder: str) -> tuple[str, ...]:
        """The files that stand for a folder which `resolve` gave."""
        ...


class Definition(NamedTuple):
    """How a grammar writes a definition."""

    what: str
    """A word for people: "class", "function"."""
    name: str = "name"
    """Field of the name."""
    body: str = "body"
    """Field that an outline leaves out, or goes into when `container`."""
    container: bool = False


@dataclass(frozen=True)
class LanguageRules:
    """One language: how its imports are written, what they mean, and how its definitions look."""

    name: str
    extensions: tuple[str, ...]
    extract: Callable[[Tree, bytes, str], FileImports]
    """From a parsed text, its bytes and its path."""
    resolver: Callable[[FileIndex], Resolver]
    configurations: tuple[str, ...] = ()
    """Names, as glob patterns, of the files that say how imports are resolved."""
    head: Callable[[bytes], int] = len
    """How many bytes of a text, from its beginning, hold all its imports. What is behind is parsed only if the head has
    an error, so it may be a guess, as long as a wrong one cannot parse without error."""
    ends_well: Callable[[bytes], bool] = lambda head: False
    """Whether a head with an error ends where it should nonetheless, outside of strings and brackets: the error is in
    what it says, and the rest of the text would not change that."""
    definitions: Mapping[str, Definition] = field(default_factory=dict[str, Definition])
    """Node kind → how to read it."""
    members: frozenset[str] = frozenset()
    """Node kinds that an outline shows by their first line: fields, constants, type aliases."""
    wrappers: frozenset[str] = frozenset()
    """Node kinds around a definition that belong to it: decorators, `export`."""
    transparent: frozenset[str] = frozenset()
    """Node kinds that may hold definitions and are none: `if` at the top of a module."""
    identifiers: tuple[str, ...] = ("identifier",)
    """Node kinds that refer to a definition by its name."""
    elision: str = " …"
    """What stands for a body in an outline."""
    tests: Callable[[str], bool] = lambda path: False
    """Whether a path is a test's by the language's convention."""
    changes_everything: Callable[[str], bool] = lambda name: False
    """Whether the coming or going of a file of this name can change where any import of the language leads. Else only
    imports that contain the file's name or its folder's are looked at again."""
