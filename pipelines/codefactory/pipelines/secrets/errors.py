"""`redact()`: an exception without secrets, together with those that caused it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .masker import Masker


def redact(error: BaseException, masker: Masker) -> None:
    """Mask the texts of an exception and of its causes in place. A cause that still shows a secret is cut off."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        _mask(at, masker)
        for link in ("__cause__", "__context__"):
            cause: BaseException | None = getattr(at, link)
            if cause is not None and id(cause) not in seen:
                _mask(cause, masker)
                if _shows(cause, masker):
                    setattr(at, link, None)
        at = at.__cause__ or at.__context__


def _mask(error: BaseException, masker: Masker) -> None:
    error.args = masker.value(error.args)
    notes: list[str] | None = getattr(error, "__notes__", None)
    if notes:
        error.__notes__ = [masker.text(note) for note in notes]
    # Frames of a traceback hold local variables, which debuggers and error reporters print.
    error.__traceback__ = None
    values: dict[str, Any] = getattr(error, "__dict__", {})
    for name, value in values.items():
        if isinstance(value, str):
            values[name] = masker.text(value)


def _shows(error: BaseException, masker: Masker) -> bool:
    text = f"{error!s} {error!r}"
    return masker.text(text) != text
