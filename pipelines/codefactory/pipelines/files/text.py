"""Text in files: encodings, byte order marks, line endings."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Literal

from .errors import FileError

Newline = Literal["keep", "lf", "crlf", "exact"]
_MARKS: dict[str, bytes] = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
_NEWLINE = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, slots=True)
class Form:
    """How a file writes its text."""

    encoding: str
    mark: bytes = b""
    """Its byte order mark."""
    newline: str = "\n"


def codec(name: str) -> str:
    """The codec's own name. Raises FileError for one that is unknown or no encoding of text."""
    try:
        found = codecs.lookup(name)
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise FileError(f"`{name}` is no encoding of text; `utf-8`, `latin-1` and `utf-16` are some") from error
    return found.name


def form_of(head: bytes, encoding: str) -> Form:
    """What the first bytes of a file say. A byte order mark decides between the orders of UTF-16 and UTF-32."""
    name = codec(encoding)
    if name == "utf-8-sig":
        return Form("utf-8", codecs.BOM_UTF8)
    if name in ("utf-16", "utf-32"):
        for suffix in ("le", "be"):
            mark = _MARKS[f"{name}-{suffix}"]
            if head.startswith(mark):
                return Form(f"{name}-{suffix}", mark)
        return Form(f"{name}-le", b"" if head else _MARKS[f"{name}-le"])
    mark = _MARKS.get(name, b"")
    return Form(name, mark if mark and head.startswith(mark) else b"")


def with_newline(form: Form, sample: str) -> Form:
    """The form with the line ending that most lines of `sample` have; the last counts for a tie."""
    counts = {ending: len(re.findall(ending, sample)) for ending in (r"\r\n", r"(?<!\r)\n", r"\r(?!\n)")}
    crlf, lf, cr = counts.values()
    newline = "\r\n" if crlf > max(lf, cr) else "\r" if cr > max(lf, crlf) else "\n"
    return Form(form.encoding, form.mark, newline)


def decoded(data: bytes, form: Form, shown: str, start: int = 0) -> str:
    """The text without its mark. `start`: the offset of `data` in the file. Raises FileError naming the byte."""
    if not start:
        data = data.removeprefix(form.mark)
        start = len(form.mark)
    try:
        return data.decode(form.encoding)
    except UnicodeDecodeError as error:
        raise not_valid(error, shown, start) from error


def not_valid(error: UnicodeDecodeError, shown: str, start: int) -> FileError:
    """`start`: the offset in the file of what was decoded."""
    byte = f" (0x{error.object[error.start]:02x})" if error.start < len(error.object) else ""
    return FileError(
        f"`{shown}` is not valid {error.encoding}: byte {start + error.start}{byte}: {error.reason}; name its "
        "`encoding`, or read it `as: base64`"
    )


def encoded(text: str, form: Form, shown: str) -> bytes:
    """Without the mark. Raises FileError naming the character."""
    try:
        return text.encode(form.encoding)
    except UnicodeEncodeError as error:
        raise FileError(
            f"`{shown}` cannot hold character {error.start} ({text[error.start]!r}) in {form.encoding}"
        ) from error


def with_endings(text: str, newline: Newline, form: Form) -> str:
    """`keep`: all lines end as the file's lines do; a file that is new, or has one kind only, takes `\\n` as it is."""
    if newline == "exact":
        return text
    wanted = {"lf": "\n", "crlf": "\r\n"}.get(newline, form.newline)
    return text if wanted == "\n" and "\r" not in text else _NEWLINE.sub(wanted, text)
