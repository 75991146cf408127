"""`Snapshot`: one version of one document."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from .text import Text

EXTENSIONS: dict[str, str] = {
    ".py": "python",
    ".pyi": "python",
    ".pyw": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".jsx": "javascriptreact",
    ".ts": "typescript",
    ".mts": "typescript",
    ".cts": "typescript",
    ".tsx": "typescriptreact",
    ".java": "java",
    ".go": "go",
    ".rs": "rust",
    ".c": "c",
    ".h": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".hpp": "cpp",
    ".rb": "ruby",
    ".sh": "shellscript",
    ".css": "css",
    ".html": "html",
    ".json": "json",
    ".toml": "toml",
    ".yaml": "yaml",
    ".yml": "yaml",
}
"""File name extension → LSP language id, for files that no editor has named the language of."""


_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Snapshot:
    """An immutable document. `version` is the editor's; None for a file read from disk."""

    uri: str
    text: str
    language: str
    version: int | None = None

    @cached_property
    def lines(self) -> Text:
        return Text(self.text)

    @cached_property
    def utf8(self) -> bytes:
        """The text for tools that want valid UTF-8: a lone surrogate becomes U+FFFD, which has the same length in
        code points, UTF-8 bytes and UTF-16 units, so no position moves."""
        return _SURROGATE.sub("\ufffd", self.text).encode()

    @cached_property
    def content_hash(self) -> str:
        """blake2b of the text as UTF-8, 32 hex digits."""
        return hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    @cached_property
    def path(self) -> str | None:
        """The file's path on this machine; None for a document that is no file (untitled:, git:, …)."""
        parts = urlsplit(self.uri)
        if parts.scheme != "file":
            return None
        path = _local_path(parts.path)
        return f"//{parts.netloc}{path}" if parts.netloc else path

    @property
    def name(self) -> str:
        """What analyzers are told the file is called. An untitled buffer gets a name of its language."""
        if self.path is not None:
            return self.path
        last = PurePosixPath(unquote(urlsplit(self.uri).path)).name or "untitled"
        extension = next((ext for ext, language in EXTENSIONS.items() if language == self.language), "")
        return last if last.endswith(extension) else last + extension

    def with_text(self, text: str) -> Snapshot:
        return Snapshot(self.uri, text, self.language, self.version)


def _local_path(path: str) -> str:
    if os.name != "nt":
        return unquote(path)
    from urllib.request import url2pathname  # brings http, email and ssl along: too much for a start

    return url2pathname(path)


def language_of(path: str) -> str:
    """The LSP language id for a path, by its extension; "plaintext" when unknown."""
    return EXTENSIONS.get(PurePosixPath(path.replace("\\", "/")).suffix.lower(), "plaintext")
