"""B324: md4, md5 and sha1 of hashlib, the old methods of crypt. B303: MD2, MD4, MD5 and SHA1 of pycryptodomex and
cryptography. → SHA-256 (crypt: SHA-512), which changes every digest that is stored or sent.

Where a hash is evidently no security, hashlib's → `usedforsecurity=False`, which changes no digest. Evidently: a word
of `_PLAIN` is in the call's statement or names a function or class around it, and no word of `_SECURITY` is in the
whole function (outside of functions: within five lines). Words are those of names and strings, split at underscores
and capitals.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import PASSWORD, scope_names, scope_span, statement_span, vocabulary, words, words_in
from .nodes import argument, has_star_arguments, is_false
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

STRONG = "strong-hash"
PLAIN = "hash-not-for-security"

_FUNCTIONS = ("hashlib.md4", "hashlib.md5", "hashlib.sha", "hashlib.sha1", "hashlib.new")
_METHODS = ("crypt.METHOD_CRYPT", "crypt.METHOD_MD5", "crypt.METHOD_BLOWFISH")
_WEAK_MODULES = ("MD2", "MD4", "MD5", "SHA")
_HAZMAT = ("cryptography.hazmat.primitives.hashes.MD5", "cryptography.hazmat.primitives.hashes.SHA1")

_PLAIN = vocabulary("""
    bucket cache cached caching checksum checksums dedup dedupe deduplicate duplicate duplicates etag fingerprint
    gravatar memo memoize shard
""")
_SECURITY = PASSWORD | vocabulary("""
    auth authenticate authorization cert certificate cookie credential credentials crypt csrf decrypt encrypt hmac
    license login nonce otp private salt secret secrets secure security session sign signature signed signing token
    tokens verify
""")
_EXPECTED = vocabulary("gravatar hotp md4 md5 md5s md5sum sha1 sha1s sha1sum totp uuid websocket")
"""Words that say somebody else expects just this digest, or its length."""

_CHANGES = "Every digest changes and gets longer: what is stored or exchanged has to be computed again."


def _hashlib_or_crypt(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(
        finding, cst.Call, lambda c: source.qualified_name(c.func) in (*_FUNCTIONS, "crypt.crypt", "crypt.mksalt")
    )
    if (source.qualified_name(call.func) or "").startswith("crypt."):
        return [_crypt(source, call)]
    fixes: list[Fix] = []
    if _is_plain(source, call) and not has_star_arguments(call):
        edit = source.set_argument(call, "usedforsecurity", "False")
        note = "The names around the hash say that it protects nothing. Needs Python 3.9."
        fixes.append(Fix("Say usedforsecurity=False", (edit,), Safety.SAFE, PLAIN, (note,)))
    try:
        fixes.append(_sha256(source, call))
    except Decline:
        if not fixes:
            raise
    return fixes


def _sha256(source: Source, call: cst.Call) -> Fix:
    _refuse_expected(source, call)
    if source.qualified_name(call.func) == "hashlib.new":
        name = argument(call, "name", 0)
        if name is None or not isinstance(name.value, cst.SimpleString):
            raise Decline("the algorithm is not written in this call")
        literal = name.value
        edits = (source.replace(literal, f"{literal.prefix}{literal.quote}sha256{literal.quote}"),)
    else:
        edits = source.rename(call.func, "sha256", lambda use: use in source.once(_becoming_sha256))
    return Fix("Use SHA-256", edits, Safety.REVIEW, STRONG, (_CHANGES,))


def _becoming_sha256(source: Source) -> set[cst.BaseExpression]:
    return {call.func for call in source.all(cst.Call) if _becomes_sha256(source, call)}


def _becomes_sha256(source: Source, call: cst.Call) -> bool:
    if source.qualified_name(call.func) not in _FUNCTIONS or _is_plain(source, call):
        return False
    try:
        _refuse_expected(source, call)
    except Decline:
        return False
    return not is_false(marked.value) if (marked := argument(call, "usedforsecurity")) else True


def _crypt(source: Source, call: cst.Call) -> Fix:
    arg = (
        argument(call, "salt", 1) if source.qualified_name(call.func) == "crypt.crypt" else argument(call, "method", 0)
    )
    if arg is None or source.qualified_name(arg.value) not in _METHODS:
        raise Decline("the method is not written as `crypt.METHOD_…` in this call")
    edits = source.rename(arg.value, "METHOD_SHA512")
    notes = (
        "Stored hashes go on working where they are given as the salt: they name their own method.",
        "crypt is gone from Python 3.13.",
    )
    return Fix("Use crypt.METHOD_SHA512", edits, Safety.REVIEW, STRONG, notes)


def _crypto_or_cryptography(source: Source, finding: Finding) -> list[Fix]:
    def module(call: cst.Call) -> str:
        """The pycryptodomex module whose `new` is called: "Cryptodome.Hash.MD5"."""
        package, _, function = (source.qualified_name(call.func) or "").rpartition(".")
        weak = package.rpartition(".")[2] in _WEAK_MODULES and ".Hash." in package
        return package if weak and function == "new" else ""

    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in _HAZMAT or bool(module(c)))
    _refuse_expected(source, call)
    if not module(call):
        edits = source.rename(call.func, "SHA256")
    elif module(call).startswith("Crypto."):
        raise Decline("pyCrypto is no longer maintained: move the file to pycryptodomex first, then to another hash")
    elif isinstance(call.func, cst.Attribute):
        # Digests are compared with one another, so the module changes wherever the file uses it.
        news = [c.func.value for c in source.all(cst.Call) if module(c) and isinstance(c.func, cst.Attribute)]
        edits = source.rename(call.func.value, "SHA256", lambda use: use in news)
    else:
        raise Decline("`new` was imported by name")
    return [Fix("Use SHA-256", edits, Safety.REVIEW, STRONG, (_CHANGES,))]


def _is_plain(source: Source, call: cst.Call) -> bool:
    return bool(_PLAIN & _purpose(source, call)) and not _SECURITY & words_in(source, scope_span(source, call))


def _refuse_expected(source: Source, call: cst.Call) -> None:
    """Decline where another hash would break what the digest is for, or would not be strong enough for it."""
    expected = _EXPECTED & _purpose(source, call)
    if expected:
        raise Decline(f"`{min(expected)}` is near: something else seems to expect just this digest")
    if PASSWORD & words_in(source, scope_span(source, call)):
        raise Decline(
            "a password is near, and no fast hash protects one: use hashlib.scrypt or argon2-cffi, "
            "and keep a way to check the hashes stored so far"
        )


def _purpose(source: Source, call: cst.Call) -> frozenset[str]:
    """The words in the statement around the call and in the names of the functions and classes around it, without
    those that name a hash function itself."""
    statement = statement_span(source, call)
    calls = source.starting_in(cst.Call, statement)
    hashing = [source.span(c.func) for c in calls if _names_a_hash(source, c)]
    name = argument(call, "name", 0) if source.qualified_name(call.func) == "hashlib.new" else None
    if name is not None:
        hashing.append(source.span(name))

    def counts(node: cst.CSTNode) -> bool:
        at = source.span(node)
        return not any(span.start <= at.start and at.end <= span.end for span in hashing)

    around = chain.from_iterable(words(name) for name in scope_names(source, call))
    return words_in(source, statement, counts) | frozenset(around)


def _names_a_hash(source: Source, call: cst.Call) -> bool:
    name = source.qualified_name(call.func) or ""
    return name.startswith("hashlib.") or ".Hash." in name or ".hashes." in name


FIXERS = (
    Fixer(
        STRONG,
        frozenset({"B324"}),
        _hashlib_or_crypt,
        not_applied="A password, or a word that names the digest somebody expects (md5sum, uuid, totp), is near; "
        "the algorithm is not written in the call.",
    ),
    Fixer(
        STRONG,
        frozenset({"B303"}),
        _crypto_or_cryptography,
        not_applied="As B324; and the file still uses pyCrypto, which has to be replaced first (B413).",
    ),
)
