"""`Import`: what a file says it needs, before anyone knows what that is.

The graph keeps thousands of them, so `FileImports` holds a file's imports in columns: 24 bytes for the places, two
references to shared strings and one byte for the kind of each.
"""

from __future__ import annotations

import sys
from binascii import a2b_base64, b2a_base64
from dataclasses import dataclass
from enum import StrEnum
from struct import Struct, pack
from typing import TYPE_CHECKING, Any, NamedTuple

from codefactory.analyzers.text import Position, Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


class ImportKind(StrEnum):
    """How an import takes effect."""

    IMPORT = "import"
    TYPE_ONLY = "type-only"
    """Erased before the program runs: `if TYPE_CHECKING:`, `import type`."""
    LAZY = "lazy"
    """Runs when a function is called."""
    DYNAMIC = "dynamic"
    """A call with a literal: `importlib.import_module("a.b")`, `import("./a")`."""
    REEXPORT = "re-export"
    """Makes the imported name part of the importing file's own surface."""
    REFERENCE = "reference"
    """No import is written: a name of the same package, or a fully qualified one."""
    MODULE = "module"
    """Declares the file as part of the program: Rust's `mod x;`."""


_KINDS = dict(zip("itldexm", ImportKind, strict=True))
_CODES = {kind: code for code, kind in _KINDS.items()}


_PLACE = Struct("<6I")


class RawImport(NamedTuple):
    """An import as extractors give it. Offsets are UTF-8 bytes."""

    start_byte: int
    end_byte: int
    module: str
    """As the language writes it: "..a.b", "./x", "java.util"."""
    name: str
    """What is taken from `module`: a name, "*", or "" for the module itself."""
    kind: ImportKind = ImportKind.IMPORT
    name_start_byte: int = -1
    """Where the name stands; -1 when it is not written apart from the module."""
    name_end_byte: int = -1


@dataclass(frozen=True, slots=True)
class Import:
    """One thing that a file imports."""

    module: str
    name: str
    kind: ImportKind
    span: Span
    """Of the module specifier, quotes left out."""
    name_span: Span | None


@dataclass(frozen=True, slots=True)
class FileImports:
    """What extraction found in one text."""

    modules: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    kinds: str = ""
    places: bytes = b""
    """Six unsigned integers for each import: line, column, end line, end column of the module, then line and column of
    the name, whose end is that of its text. No name: equal to the module's start."""
    problem: str = ""
    """Why there are no imports, or fewer than there may be."""
    facts: tuple[str, ...] = ()
    """What a resolver wants to know about the file besides: its package, its build tags."""

    def __len__(self) -> int:
        return len(self.modules)

    def __iter__(self) -> Iterator[Import]:
        return (self[index] for index in range(len(self)))

    def __getitem__(self, index: int) -> Import:
        a, b, c, d, e, f = _PLACE.unpack_from(self.places, _PLACE.size * index)
        name = self.names[index]
        has_name = bool(name) and (e, f) != (a, b)
        name_span = Span(Position(e, f), Position(e, f + len(name))) if has_name else None
        return Import(
            self.modules[index], name, _KINDS[self.kinds[index]], Span(Position(a, b), Position(c, d)), name_span
        )

    def kind(self, index: int) -> ImportKind:
        return _KINDS[self.kinds[index]]

    def to_json(self) -> list[Any]:
        places = b2a_base64(self.places, newline=False).decode("ascii")
        return [self.modules, self.names, self.kinds, places, self.problem, self.facts]

    @classmethod
    def from_json(cls, data: Any) -> FileImports:
        """Raises ValueError or TypeError on anything that `to_json` did not write."""
        modules, names, kinds, encoded, problem, facts = data
        places = a2b_base64(encoded)
        if not (isinstance(kinds, str) and isinstance(problem, str)):
            raise TypeError("kinds and problem are strings")
        if not len(modules) == len(names) == len(kinds) or len(places) != _PLACE.size * len(kinds):
            raise ValueError("columns of different length")
        if not _KINDS.keys() >= set(kinds):
            raise ValueError("a kind that does not exist")
        intern = sys.intern  # raises TypeError for what is no string
        return cls(
            tuple(map(intern, modules)), tuple(map(intern, names)), intern(kinds), places, problem,
            tuple(map(intern, facts)),
        )  # fmt: skip


def collect(raw: Iterable[RawImport], source: bytes, facts: Sequence[str] = ()) -> FileImports:
    """Columns from what an extractor yields, in text order and without doubles of one place."""
    ordered = sorted(set(raw), key=lambda r: (r.start_byte, r.name_start_byte, r.name, r.module))
    if not ordered:
        return FileImports(facts=tuple(facts)) if facts else NOTHING
    offsets = sorted({o for r in ordered for o in (r.start_byte, r.end_byte, max(r.name_start_byte, r.start_byte))})
    position = _positions(source, offsets)
    places: list[int] = []
    for r in ordered:
        places += position[r.start_byte]
        places += position[r.end_byte]
        places += position[max(r.name_start_byte, r.start_byte)]
    intern = sys.intern
    return FileImports(
        tuple(intern(r.module) for r in ordered),
        tuple(intern(r.name) for r in ordered),
        intern("".join([_CODES[r.kind] for r in ordered])),
        pack(f"<{len(places)}I", *places),
        "",
        tuple(facts),
    )


NOTHING = FileImports()


def _positions(source: bytes, offsets: list[int]) -> dict[int, tuple[int, int]]:
    """(line, column in code points) of each byte offset; `offsets` ascend. Lines end as in `Text`."""
    found: dict[int, tuple[int, int]] = {}
    line, line_start, at = 0, 0, 0
    carriage_returns = b"\r" in source
    for offset in offsets:
        if carriage_returns:
            passed = source[at:offset]
            # A CR LF that the offset splits cannot occur: no import begins between the two.
            count = passed.count(b"\n") + passed.count(b"\r") - passed.count(b"\r\n")
            last = max(passed.rfind(b"\n"), passed.rfind(b"\r"))
        else:
            count = source.count(b"\n", at, offset)
            last = source.rfind(b"\n", at, offset) - at if count else -1
        if count:
            line += count
            line_start = at + last + 1
        head = source[line_start:offset]
        found[offset] = (line, len(head) if head.isascii() else len(head.decode("utf-8", "replace")))
        at = offset
    return found
