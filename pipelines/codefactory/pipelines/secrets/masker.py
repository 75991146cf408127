"""`Masker`: secrets that are known are replaced wherever they occur, also in the forms that texts carry them in.

Forms: as it is; each of its longer lines; base64, standard and for URLs, wherever in the encoded text the secret
begins; percent-encoded; escaped for JSON, XML and Python; hexadecimal. A secret that code has changed in other ways is
not recognised.
"""

from __future__ import annotations

import base64
import html
import json
import re
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MIN_FORM = 4
"""Characters: a shorter form would mask what is no secret."""


class Masker:
    """The secrets of one run. Empty at first; `active` once there is one."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """Form → the secret's name."""
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._by_first: dict[str, list[str]] = {}
        self.longest = 0
        """Characters of the longest form."""

    @property
    def active(self) -> bool:
        return self._pattern is not None

    def add(self, name: str, value: str) -> None:
        if value in self._values:
            return
        self._values.add(value)
        for form in forms(value):
            self._names.setdefault(form, name)
        # Longest first: a form that contains another is replaced as a whole.
        ordered = sorted(self._names, key=len, reverse=True)
        self.longest = len(ordered[0])
        self._pattern = re.compile("|".join(map(re.escape, ordered)))
        self._by_first = {}
        for form in ordered:
            self._by_first.setdefault(form[0], []).append(form)

    def text(self, text: str) -> str:
        """`text` with `[secret:NAME]` in the place of secrets."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda m: f"[secret:{self._names[m[0]]}]", text)

    def value(self, value: Any) -> Any:
        """A value of JSON types, bytes, tuples and sets with every text in it masked, keys included. Anything else is
        given back as it is."""
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.text(value)
            case bytes():
                masked = self.text(value.decode("utf-8", "surrogateescape"))
                return masked.encode("utf-8", "surrogateescape")
            case dict():
                items = cast("dict[Any, Any]", value).items()
                return {self.value(key): self.value(item) for key, item in items}
            case list():
                return [self.value(item) for item in cast("list[Any]", value)]
            case tuple():
                return tuple(self.value(item) for item in cast("tuple[Any, ...]", value))
            case set() | frozenset():
                return {self.value(item) for item in cast("set[Any]", value)}
            case _:
                return value

    def held(self, text: str) -> int:
        """How many characters at the end of a text could be the beginning of a secret: the next piece decides."""
        tail = text[-(self.longest - 1) :] if self.longest > 1 else ""
        for start, character in enumerate(tail):
            left = len(tail) - start
            for form in self._by_first.get(character, ()):
                if len(form) > left and tail.endswith(form[:left]):
                    return left
        return 0


class MaskedStream:
    """Text that comes in pieces: a secret that is split over them is masked, too."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self._rest = ""

    def feed(self, piece: str) -> str:
        """What can be shown now. It may be less than was given, or nothing; or more."""
        text = self._masker.text(self._rest + piece)
        held = self._masker.held(text)
        self._rest = text[len(text) - held :]
        return text[: len(text) - held]

    def end(self) -> str:
        """What was held back."""
        rest, self._rest = self._masker.text(self._rest), ""
        return rest


def masked_delta(delta: Any, masker: Masker, stream: Callable[[str], MaskedStream]) -> Any:
    """A piece of output without secrets. Text, and the `text` of `{"stream": NAME, "text": …}`, goes through the
    stream of that name; any other piece is masked by itself."""
    if isinstance(delta, str):
        return stream("").feed(delta)
    if isinstance(delta, dict):
        piece = cast("dict[str, Any]", delta)
        name, text = piece.get("stream"), piece.get("text")
        if isinstance(name, str) and isinstance(text, str):
            return {**masker.value(piece), "text": stream(name).feed(text)}
    return masker.value(delta)


def forms(value: str) -> Iterator[str]:
    """The texts in which a secret may occur."""
    seen: set[str] = set()
    parts = [value, value.strip(), *(line.strip() for line in value.splitlines() if len(line.strip()) >= 2 * MIN_FORM)]
    for part in dict.fromkeys(parts):
        for form in (part, *_encoded(part)):
            if len(form) >= MIN_FORM and form not in seen:
                seen.add(form)
                yield form


def _encoded(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogateescape")
    for safe in ("", "/"):
        yield from _cases(quote(data, safe=safe))
    yield from _cases(quote_plus(data))
    yield from _cases("".join(f"%{byte:02X}" for byte in data))
    for ascii_only in (True, False):
        escaped = json.dumps(value, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]
    yield html.escape(value)
    yield html.escape(value, quote=False)
    yield repr(value)[1:-1]
    yield data.hex()
    yield data.hex().upper()
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        yield from _base64(data, encode)


def _cases(quoted: str) -> Iterator[str]:
    """Percent-encoding is written with large and with small letters."""
    yield quoted
    yield re.sub(r"%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)


def _base64(data: bytes, encode: Any) -> Iterator[str]:
    """What the bytes alone decide of their base64, for each of the three places they may begin at."""
    for before in range(3):
        whole: str = encode(bytes(before) + data).decode("ascii")
        first = -(-before * 8 // 6)
        last = (before + len(data)) * 8 // 6
        form = whole[first:last]
        if len(form) >= 2 * MIN_FORM or len(data) <= MIN_FORM + 2:
            yield form
