"""From a file's bytes to its `FileImports`: here, incrementally, or in worker processes."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from codefactory.analyzers.document import EXTENSIONS
from codefactory.analyzers.syntax import parser_for
from codefactory.analyzers.worker import WorkerError

from .filesystem import read_regular_file
from .imports import FileImports
from .languages import rules_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tree_sitter import Parser, Tree

    from codefactory.analyzers.worker import WorkerPool

    from .filesystem import FileSystem
    from .rules import LanguageRules

MAX_BYTES = 4 << 20
"""Of one file. A larger one is generated or hostile, and its tree would take some 100 MB."""
IN_PROCESS_BYTES = 128 << 10
"""tree-sitter holds the GIL while it parses, about 10 MB/s. What would stop other threads longer than some 15 ms is
parsed by a worker, if there are any."""
BATCH_FILES = 32
BATCH_TIMEOUT_S = 60.0
FILE_TIMEOUT_S = 10.0

Extracted = tuple[bytes, FileImports]
"""Content key and imports."""


def content_key(path: str, source: bytes) -> bytes:
    """What a file's imports depend on: the bytes, the grammar, and whether it is a package's own module. 16 bytes."""
    role = "*" if path.rpartition("/")[2].startswith("__init__.") else ""
    return hashlib.blake2b(source, digest_size=16, salt=(_language(path)[:15] + role).encode()).digest()


def _language(path: str) -> str:
    """As `language_of`, without a path object: it is asked for twice a file."""
    return EXTENSIONS.get(path[path.rfind(".") :].lower(), "plaintext")


class Trees:
    """Parsers, and the trees of the texts seen last so that an edit is parsed in the time of the edit.

    Safe to use from several threads, which then take turns.
    """

    def __init__(self, keep: int = 32) -> None:
        self._keep = keep
        self._kept: OrderedDict[tuple[str, bool], tuple[bytes, Tree]] = OrderedDict()
        """By path and whether it is the whole text, since a head that is being typed in parses at times only."""
        self._parsers: dict[str, Parser | None] = {}
        self._lock = threading.Lock()

    def extract(self, path: str, source: bytes) -> FileImports:
        """Never raises for what a file contains: `FileImports.problem` says what is wrong."""
        rules = rules_for(path)
        if rules is None:
            return FileImports(problem="unsupported: it is in no language that has a graph")
        if refusal := _refusal(source):
            return FileImports(problem=refusal)
        with self._lock:
            try:
                return self._extract(path, source, rules)
            except ImportError as error:
                return FileImports(problem=f"missing: the grammar cannot be loaded ({error})")
            except Exception as error:  # noqa: BLE001  (a text that nobody foresaw costs itself, not the graph)
                self._forget(path)
                return FileImports(problem=f"crash: extraction failed on it ({type(error).__name__}: {error})")

    def forget(self, path: str) -> None:
        with self._lock:
            self._forget(path)

    def _forget(self, path: str) -> None:
        for whole in (False, True):
            self._kept.pop((path, whole), None)

    def _extract(self, path: str, source: bytes, rules: LanguageRules) -> FileImports:
        head = source[: rules.head(source)]
        tree = self._parse(path, head, whole=False)
        if len(head) < len(source) and tree.root_node.has_error and not rules.ends_well(head):
            head, tree = source, self._parse(path, source, whole=True)
        return rules.extract(tree, head, path)

    def _parse(self, path: str, source: bytes, *, whole: bool) -> Tree:
        language = _language(path)
        if language not in self._parsers:
            self._parsers[language] = parser_for(language)
        parser = self._parsers[language]
        if parser is None:
            raise ImportError(f"{language} has no grammar")
        if not self._keep:
            return parser.parse(source)
        old = self._kept.pop((path, whole), None)
        if old is None:
            tree = parser.parse(source)
        else:
            old_source, tree = old
            if old_source != source:
                _edit(tree, old_source, source)
                tree = parser.parse(source, tree)
        self._kept[path, whole] = (source, tree)
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return tree


def _edit(tree: Tree, old: bytes, new: bytes) -> None:
    start = _common(old, new, min(len(old), len(new)))
    tail = _common(old[::-1], new[::-1], min(len(old), len(new)) - start)
    old_end, new_end = len(old) - tail, len(new) - tail
    tree.edit(start, old_end, new_end, _point(old, start), _point(old, old_end), _point(new, new_end))


def _common(a: bytes, b: bytes, limit: int) -> int:
    """Length of the common beginning, at most `limit`, by halving: bytes compare faster than a loop steps."""
    low = 0
    while low < limit:
        middle = (low + limit + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            limit = middle - 1
    return low


def _point(source: bytes, offset: int) -> tuple[int, int]:
    line_start = source.rfind(b"\n", 0, offset) + 1
    return source.count(b"\n", 0, offset), offset - line_start


def _refusal(source: bytes) -> str:
    if len(source) > MAX_BYTES:
        return f"too-large: {len(source):,} bytes, and the limit is {MAX_BYTES:,}; exclude it or split it"
    if b"\0" in source[:8192]:
        return "unsupported: it is binary or UTF-16, not UTF-8 text"
    return ""


def without_bom(source: bytes) -> bytes:
    return source[3:] if source.startswith(b"\xef\xbb\xbf") else source


def extract_many(
    paths: Sequence[str], files: FileSystem, workers: WorkerPool | None, lanes: int = 2
) -> Iterator[tuple[str, Extracted | None]]:
    """The imports of many files, in any order; None for one that cannot be read any more.

    With `workers`, up to `lanes` of them parse side by side. A file that crashes one, or takes longer than
    `FILE_TIMEOUT_S`, gets a problem; those that shared its batch do not suffer.
    """
    if workers is None or len(paths) < BATCH_FILES:
        trees = Trees(keep=0)
        for path in paths:
            yield path, _extract_here(path, files, trees, workers)
        return

    from concurrent.futures import ThreadPoolExecutor  # not in the worker: it brings logging and traceback along

    def work(batch: Sequence[str]) -> list[tuple[str, Extracted | None]]:
        return _in_worker(batch, files, workers)

    batches = [paths[i : i + BATCH_FILES] for i in range(0, len(paths), BATCH_FILES)]
    with ThreadPoolExecutor(lanes, "graph") as threads:
        for results in threads.map(work, batches):
            yield from results


def start(workers: WorkerPool, lanes: int = 2) -> None:
    """Start worker processes without waiting for them, so that they load while files are listed."""

    def call() -> None:
        with contextlib.suppress(WorkerError):  # the first batch meets it again, and says so
            workers.call("imports", {"files": []}, FILE_TIMEOUT_S)

    for _ in range(lanes):
        threading.Thread(target=call, daemon=True, name="graph-start").start()


def extract_one(path: str, source: bytes, trees: Trees, workers: WorkerPool | None) -> Extracted:
    """As `Trees.extract`, a big text in a worker so that other threads can go on."""
    key = content_key(path, source)
    if workers is None or len(source) <= IN_PROCESS_BYTES or len(source) > MAX_BYTES:
        return key, trees.extract(path, source)
    request = [[path, None, source.decode("utf-8", "replace")]]
    return key, _alone(request, workers)[0][1]


def _extract_here(path: str, files: FileSystem, trees: Trees, workers: WorkerPool | None) -> Extracted | None:
    try:
        source = without_bom(files.read(path))
    except OSError:
        return None
    return extract_one(path, source, trees, workers)


def _in_worker(batch: Sequence[str], files: FileSystem, workers: WorkerPool) -> list[tuple[str, Extracted | None]]:
    request = [item for path in batch if (item := _request(path, files)) is not None]
    absent: list[tuple[str, Extracted | None]] = [(p, None) for p in set(batch) - {item[0] for item in request}]
    try:
        reply = workers.call("imports", {"files": request}, BATCH_TIMEOUT_S)
        results = _decode(request, reply)
    except WorkerError:
        results = [result for item in request for result in _decode_alone(item, workers)]
    return [*results, *absent]


def _request(path: str, files: FileSystem) -> list[Any] | None:
    absolute = files.on_disk(path)
    if absolute is not None:
        return [path, absolute, None]
    try:
        return [path, None, files.read(path).decode("utf-8-sig", "replace")]
    except OSError:
        return None


def _decode(request: list[list[Any]], reply: Any) -> list[tuple[str, Extracted | None]]:
    return [
        (item[0], (bytes.fromhex(result[0]), FileImports.from_json(result[1])) if result else None)
        for item, result in zip(request, reply, strict=True)
    ]


def _decode_alone(item: list[Any], workers: WorkerPool) -> list[tuple[str, Extracted | None]]:
    return [(item[0], extracted) for extracted in _alone([item], workers)]


def _alone(request: list[list[Any]], workers: WorkerPool) -> list[Extracted]:
    try:
        reply = workers.call("imports", {"files": request}, FILE_TIMEOUT_S)
    except WorkerError as error:
        return [(b"", FileImports(problem=f"{_kind(error)}: the parser failed on it ({error})"))]
    return [extracted for _, extracted in _decode(request, reply) if extracted is not None]


def _kind(error: WorkerError) -> str:
    return "timeout" if error.kind == "timeout" else "crash"


def serve(params: dict[str, Any]) -> list[Any]:
    """The worker's side of "imports": `files` holds [path, absolute path or None, text or None]."""
    gc.disable()  # trees and columns hold no cycles, and a batch is short
    try:
        return [_serve_one(*item) for item in params["files"]]
    finally:
        gc.enable()


_worker_trees = Trees(keep=0)


def _serve_one(path: str, absolute: str | None, text: str | None) -> list[Any] | None:
    if text is not None:
        source = text.encode("utf-8", "replace")
    else:
        try:
            source = without_bom(read_regular_file(absolute or ""))
        except OSError:
            return None
    return [content_key(path, source).hex(), _worker_trees.extract(path, source).to_json()]
