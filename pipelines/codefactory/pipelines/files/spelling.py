"""Which ways of writing a path are refused, on every system: those that mean something else on another one.

A pipeline is to do the same everywhere. `C:x`, `\\\\host\\share` and `..\\x` are one harmless name on Linux and a way
out on Windows, so they are refused on both. Device names and streams (`NUL`, `a.txt:hidden`) are ordinary names outside
of Windows and refused only there.
"""

from __future__ import annotations

import os
import posixpath
import re

from .errors import AccessError

_DRIVE = re.compile(r"[A-Za-z]:")
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)\s*(?:\..*)?\Z", re.IGNORECASE
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://|file:", re.IGNORECASE)
MAX_LENGTH = 4096


def normalised(text: str, *, windows: bool = os.name == "nt") -> str:
    """The path with `/` between names and without `.` and `..`. Relative stays relative, and then begins with `..`
    only if it leads out. Raises AccessError for a spelling that is refused."""
    if not text or text.isspace():
        raise AccessError("the path is empty")
    if len(text) > MAX_LENGTH:
        raise AccessError(f"the path is longer than {MAX_LENGTH} characters")
    if bad := next((c for c in text if ord(c) < 32 or ord(c) == 127), None):
        raise AccessError(f"the path {text!r} has the control character {bad!r} in it")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise AccessError(f"the path {text!r} is not valid text")
    if _SCHEME.match(text):
        raise AccessError(f"`{text}` is an address, not a path")
    path = text.replace("\\", "/") if windows else text
    if "\\" in path:
        raise AccessError(f"`{text}` has a backslash in it; write `/` between folders")
    if path.startswith("//"):
        raise AccessError(f"`{text}` is a network path")
    if text.startswith("~"):
        raise AccessError(f"`{text}`: `~` stands for no folder here; write the path out")
    rest = path
    if _DRIVE.match(path):
        if not windows:
            raise AccessError(f"`{text}` is a path with a drive letter")
        rest = path[2:]
        if not rest.startswith("/"):
            raise AccessError(f"`{text}` depends on the drive's current folder; write the path out")
    if windows:
        _check_windows_names(text, rest)
    return posixpath.normpath(path)


def _check_windows_names(text: str, rest: str) -> None:
    for name in rest.split("/"):
        if ":" in name:
            raise AccessError(f"`{text}` names a stream of a file")
        if _DEVICE.match(name):
            raise AccessError(f"`{text}`: `{name}` is a device on Windows")
        if name not in ("", ".", "..") and name[-1] in ". ":
            raise AccessError(f"`{text}`: Windows drops the end of `{name}`")
        if re.search(r"~\d", name):
            raise AccessError(f"`{text}`: `{name}` may be the short form of another name")
