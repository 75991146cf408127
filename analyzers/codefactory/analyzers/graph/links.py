"""`Links`: each file's imports and where they lead, by number, with the way back. The storage of `DependencyGraph`.

Not safe for use from several threads: the graph holds a lock.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from .imports import FileImports, Import, ImportKind
from .index import FileIndex, split
from .languages import rules_for
from .rules import Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from .rules import Resolver

ALL_KINDS = frozenset(ImportKind)

_REASONS = tuple(Reason)
_FIRST_FOLDER = -100
_NO_TARGETS: array[int] = array("i")


class Edge(NamedTuple):
    """One import and where it leads."""

    source: str
    import_: Import
    targets: tuple[str, ...]
    """Usually one file; all files of a package where the language imports folders (Go); none with a `reason`."""
    reason: Reason | None


class Node:
    """One file. `key` is `content_key` of what was read."""

    __slots__ = ("found", "key", "targets")

    def __init__(self, key: bytes, found: FileImports) -> None:
        self.key = key
        self.found = found
        self.targets: array[int] = _NO_TARGETS
        """For each import: a file's number; -1 - the place of a `Reason`; `_FIRST_FOLDER` - the number of a folder."""


class Links:
    """Files by number (`index`), their nodes, and who imports whom."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self.index = FileIndex(read)
        self.nodes: list[Node | None] = []
        self._importers: dict[int, array[int]] = {}
        """Sorted, without doubles. Sets would take three times the memory: most files have few importers."""
        self._folders: list[str] = []
        self._folder_numbers: dict[str, int] = {}
        self._folder_importers: dict[str, set[int]] = {}
        self._resolvers: dict[str, Resolver] = {}

    def node(self, path: str) -> Node | None:
        number = self.index.ids.get(path)
        return self.nodes[number] if number is not None else None

    def put(self, path: str, key: bytes, found: FileImports) -> bool:
        """Store a file's imports. Whether they must be resolved: not if only their places moved."""
        number = self.index.add(path)
        if number == len(self.nodes):
            self.nodes.append(None)
        node = self.nodes[number]
        if found.facts:
            self.index.facts[number] = found.facts
        else:
            self.index.facts.pop(number, None)
        if node is None:
            self.nodes[number] = Node(key, found)
            return True
        same = node.found.modules == found.modules and node.found.names == found.names
        node.key, node.found = key, found
        if not same:
            self._unlink(number, node)
        return not same

    def drop(self, path: str) -> frozenset[int]:
        """Remove a file. Returns who imported it: their edges are to be resolved again."""
        number = self.index.ids[path]
        node = self.nodes[number]
        importers = frozenset(self.importers(number) - {number})
        if node is not None:
            self._unlink(number, node)
        for importer in self._importers.pop(number, ()):
            other = self.nodes[importer]
            if other is not None:
                lost = -1 - _REASONS.index(Reason.MISSING)
                other.targets = array("i", [lost if t == number else t for t in other.targets])
        self.nodes[number] = None
        self.index.remove(path)
        return importers

    def resolve(self, numbers: Iterable[int]) -> None:
        """Find anew where these files' imports lead."""
        for number in numbers:
            node = self.nodes[number]
            if node is None:
                continue
            path = self.index.paths[number]
            resolve = self.resolver(path).resolve
            self._unlink(number, node)
            targets: list[int] = []
            for module, name in zip(node.found.modules, node.found.names, strict=True):
                target, reason, is_folder = resolve(path, module, name)
                if target is None:
                    targets.append(-1 - _REASONS.index(reason or Reason.MISSING))
                elif is_folder:
                    targets.append(_FIRST_FOLDER - self._folder_number(target))
                    self._folder_importers.setdefault(target, set()).add(number)
                else:
                    found = self.index.ids[target]
                    targets.append(found)
                    _insert(self._importers, found, number)
            node.targets = array("i", targets) if targets else _NO_TARGETS
        for resolver in self._resolvers.values():
            resolver.settle()

    def resolver(self, path: str) -> Resolver:
        """Raises ValueError for a file in no language that has a graph."""
        rules = rules_for(path)
        if rules is None:
            raise ValueError(f"{path} is in no language that has a graph")
        found = self._resolvers.get(rules.name)
        if found is None:
            found = self._resolvers[rules.name] = rules.resolver(self.index)
        return found

    def forget(self, *, configuration: bool) -> None:
        """Resolvers look at the file tree again."""
        for resolver in self._resolvers.values():
            resolver.forget(configuration)

    def who_may_mean(self, path: str, *, everything: bool, words: Collection[str] = ()) -> set[int]:
        """Whose imports can lead to `path`, or could before it went.

        An import means a file only if it contains the file's name, its folder's, or one of `words`, under which it is
        known besides. But some files, and a folder that came or went with its only file (`everything`), can change
        where any import of the language leads.
        """
        rules = rules_for(path)
        folder, name = split(path)
        stem, parent = name.partition(".")[0], split(folder[:-1])[1]
        everything = everything or not parent or (rules is not None and rules.changes_everything(name))
        looked_for = (stem, parent, *words)
        found: set[int] = set()
        for number, node in enumerate(self.nodes):
            if node is None or rules_for(self.index.paths[number]) is not rules:
                continue
            columns = (node.found.modules, node.found.names)
            if everything or any(word in text for column in columns for text in column for word in looked_for):
                found.add(number)
        return found

    def targets(self, number: int, kinds: Collection[ImportKind] = ALL_KINDS) -> set[int]:
        node = self.nodes[number]
        if node is None:
            return set()
        found: set[int] = set()
        for place, target in enumerate(node.targets):
            if kinds is not ALL_KINDS and node.found.kind(place) not in kinds:
                continue
            if target >= 0:
                found.add(target)
            elif target <= _FIRST_FOLDER:
                members = self._members(target, self.index.paths[number])
                found.update(self.index.ids[path] for path in members)
        return found

    def importers(self, number: int) -> set[int]:
        path = self.index.paths[number]
        folder = split(path)[0]
        found = set(self._importers.get(number, ()))
        if folder in self._folder_importers and path in self.resolver(path).members(folder):
            found |= self._folder_importers[folder]
        return found

    def edges(self, path: str) -> Iterator[Edge]:
        node = self.node(path)
        if node is None:
            return
        for place, target in enumerate(node.targets):
            if target >= 0:
                yield Edge(path, node.found[place], (self.index.paths[target],), None)
            elif target <= _FIRST_FOLDER:
                yield Edge(path, node.found[place], self._members(target, path), None)
            else:
                yield Edge(path, node.found[place], (), _REASONS[-1 - target])

    def paths(self, numbers: Iterable[int]) -> tuple[str, ...]:
        return tuple(sorted(self.index.paths[n] for n in numbers))

    def _members(self, target: int, importer: str) -> tuple[str, ...]:
        return self.resolver(importer).members(self._folders[_FIRST_FOLDER - target])

    def _folder_number(self, folder: str) -> int:
        number = self._folder_numbers.get(folder)
        if number is None:
            number = self._folder_numbers[folder] = len(self._folders)
            self._folders.append(folder)
        return number

    def _unlink(self, number: int, node: Node) -> None:
        for target in set(node.targets):
            if target >= 0:
                _remove(self._importers, target, number)
            elif target <= _FIRST_FOLDER:
                self._folder_importers.get(self._folders[_FIRST_FOLDER - target], set()).discard(number)
        node.targets = _NO_TARGETS


def _insert(lists: dict[int, array[int]], key: int, value: int) -> None:
    values = lists.get(key)
    if values is None:
        lists[key] = array("i", (value,))
    elif values[-1] < value:
        values.append(value)
    else:
        place = bisect_left(values, value)
        if values[place] != value:
            values.insert(place, value)


def _remove(lists: dict[int, array[int]], key: int, value: int) -> None:
    values = lists.get(key)
    if values is None:
        return
    place = bisect_left(values, value)
    if place < len(values) and values[place] == value:
        del values[place]
    if not values:
        del lists[key]
