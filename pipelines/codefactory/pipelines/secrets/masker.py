"""`Masker`: secrets that are known are replaced wherever they occur, also in the forms that texts carry them in.

Forms: as it is, line by line; base64, standard and for URLs, wherever in the encoded text the secret
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

_HIT = re.compile("\ue000(\\d{1,6})\ue001")
MIN_FORM = 4
"""Characters: a shorter form would mask what is no secret."""


class Masker:
    """The secrets of one run. Empty at first; `active` once there is one."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        """Form → the secret's name. The longest first: one that contains another is replaced as a whole."""
        self._values: set[str] = set()
        self._by_beginning: dict[str, list[str]] = {}
        """The first characters of a form → the forms that begin so."""
        self.longest = 0
        """Characters of the longest form."""

    @property
    def active(self) -> bool:
        return bool(self._names)

    def add(self, name: str, value: str) -> None:
        if value in self._values:
            return
        self._values.add(value)
        found = dict.fromkeys(forms(value), name) | self._names
        self._names = dict(sorted(found.items(), key=lambda item: -len(item[0])))
        self.longest = max(map(len, self._names), default=0)
        self._by_beginning = {}
        for form in self._names:
            self._by_beginning.setdefault(form[:MIN_FORM], []).append(form)

    def text(self, text: str) -> str:
        """`text` with `[secret:NAME]` in the place of secrets."""
        # A form at a time is many times as fast as all of them in one pattern. What stands for a secret meanwhile
        # cannot contain another one.
        hit: list[str] = []
        for form, name in self._names.items():
            if form in text:
                text = text.replace(form, f"\ue000{len(hit)}\ue001")
                hit.append(name)
        return _HIT.sub(lambda m: f"[secret:{hit[int(m[1])]}]" if int(m[1]) < len(hit) else m[0], text) if hit else text

    def value(self, value: Any) -> Any:
        """A value of JSON types, bytes, tuples and sets with every text in it masked, keys included. Anything else is
        given back as it is."""
        if not self._names:
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
        for start in range(max(len(text) - self.longest + 1, 0), len(text)):
            left = len(text) - start
            if left >= MIN_FORM:
                candidates = self._by_beginning.get(text[start : start + MIN_FORM], ())
                if any(len(form) > left and text.endswith(form[:left]) for form in candidates):
                    return left
            elif any(beginning.startswith(text[start:]) for beginning in self._by_beginning):
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
    # Of several lines, each by itself: in what is encoded as a whole, the encoded lines are found.
    lines = [line.strip() for line in value.splitlines()] if "\n" in value else []
    long = [line for line in lines if len(line) >= 2 * MIN_FORM]
    for part in dict.fromkeys(long or (value, value.strip())):
        yield from dict.fromkeys(form for form in (part, *_encoded(part)) if len(form) >= MIN_FORM)


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
