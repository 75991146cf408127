"""What must never be shown to a model: files of secrets, and literals that look like one."""

from __future__ import annotations

import math
import re
from collections import Counter
from fnmatch import fnmatchcase
from itertools import pairwise

REDACTED = "<redacted>"

_FILES = (
    ".env", ".env.*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*.asc",
    "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".htpasswd",
    "credentials", "credentials.*", "secrets.json", "secrets.y*ml", "secrets.toml", "*.tfvars", "service-account*.json",
)  # fmt: skip
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----")
_KNOWN = re.compile(
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}|\bglpat-[A-Za-z0-9_-]{16,}"
    r"|\bsk-[A-Za-z0-9_-]{16,}|\bxox[abeoprs]-[A-Za-z0-9-]{10,}|\bAIza[0-9A-Za-z_-]{30,}"
    r"|\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{30,}|\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"
)
_NAMED = re.compile(
    r"""(?ix)
    (?P<head> \b[\w.\-]{0,60}
        (?:passw(?:or)?d|passphrase|secret|token|api_?key|private_?key|credential) [\w.\-]{0,30} ["']?
        (?:\s*:\s*[\w\[\]., |]{1,40})? \s* (?:=|:|:=|=>) \s* [rbfu]{0,2})
    (?P<quote>["'`]) (?P<value>[^"'`\r\n]{6,300}) (?P=quote)"""
)
_URL_PASSWORD = re.compile(r"(?P<head>\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@'\"]{1,80}:)(?P<value>[^\s/@'\"]{3,200})(?=@)")
_LITERAL = re.compile(r"[A-Za-z0-9+/_=\-]{24,}")
_HEX = re.compile(r"[0-9a-fA-F\-]+")


def is_secret_file(path: str) -> bool:
    """By its name alone."""
    name = path.rpartition("/")[2].lower()
    return any(fnmatchcase(name, pattern) for pattern in _FILES)


def has_private_key(text: str) -> bool:
    return _PRIVATE_KEY.search(text) is not None


def redact(text: str) -> str:
    """`text` with everything that looks like a secret replaced by `REDACTED`; lines stay lines."""
    text = _KNOWN.sub(REDACTED, text)
    text = _NAMED.sub(lambda m: f"{m['head']}{m['quote']}{REDACTED}{m['quote']}", text)
    text = _URL_PASSWORD.sub(lambda m: m["head"] + REDACTED, text)
    return _LITERAL.sub(lambda m: REDACTED if _is_random(m[0]) else m[0], text)


def _is_random(word: str) -> bool:
    """Whether a word has the entropy of a key. Names of code have less: few letters, and no digits among them."""
    if not any(c.isdigit() for c in word) or not any(c.isalpha() for c in word):
        return False
    if _HEX.fullmatch(word):
        return len(word) >= 32 and entropy(word) > 3.0
    mixed = any(c.islower() for c in word) and any(c.isupper() for c in word)
    return mixed and entropy(word) > 4.0 and _changes(word) > len(word) / 4


def entropy(word: str) -> float:
    """Bits a character (Shannon), from the characters' frequencies in the word itself."""
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def _changes(word: str) -> int:
    """How often the class of character (digit, lower, upper, other) changes from one to the next."""
    classes = [0 if c.isdigit() else 1 if c.islower() else 2 if c.isupper() else 3 for c in word]
    return sum(a != b for a, b in pairwise(classes))
