"""B413: pyCrypto has not been maintained since 2013. → pycryptodomex, the same interface under the name `Cryptodome`,
if all that the file uses of it is there in the same form. The whole file at once: objects of the two do not mix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .names import vocabulary
from .nodes import argument, string_value
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .scoped_tree import Binding
    from .source import Source

NAME = "pycryptodomex"
_BLOCK_CIPHERS = vocabulary("AES ARC2 Blowfish CAST DES DES3")
_SAME: dict[str, frozenset[str]] = {
    "Crypto.Cipher": _BLOCK_CIPHERS | {"ARC4", "PKCS1_OAEP", "PKCS1_v1_5"},
    "Crypto.Hash": vocabulary("HMAC MD2 MD4 MD5 SHA SHA224 SHA256 SHA384 SHA512"),
    "Crypto": frozenset({"Random"}),
    "Crypto.Random": frozenset({"get_random_bytes", "random"}),
    "Crypto.Util": frozenset({"Counter"}),
    "Crypto.PublicKey": frozenset({"DSA", "RSA"}),
    "Crypto.Protocol.KDF": frozenset({"PBKDF1", "PBKDF2"}),
    "Crypto.Signature": frozenset({"PKCS1_v1_5", "PKCS1_PSS"}),
}
"""Module → what `from module import …` gives that pycryptodomex has in the same form. Not in it: XOR, blockalgo,
AllOrNothing, Chaffing, randpool, OSRNG, Fortuna."""
_RAW_RSA = vocabulary("encrypt decrypt sign verify")
_NOTES = (
    "pip install pycryptodomex, and take pycrypto out of the requirements.",
    "A cipher object either encrypts or decrypts, and takes bytes only.",
)


def _fix(source: Source, finding: Finding) -> list[Fix]:
    imported = [b for bindings in source.bindings.values() for b in bindings if b.qualified.split(".")[0] == "Crypto"]
    for binding in imported:
        _refuse_different(source, binding)
    _refuse_raw_keys(source, imported)
    if any((string_value(s) or "").startswith("Crypto.") for s in source.all(cst.SimpleString)):
        raise Decline("a string in this file names a module of pyCrypto")
    roots = dict.fromkeys(_root(binding) for binding in imported)
    edits = tuple(source.replace(root, "Cryptodome") for root in roots)
    if not edits:
        raise Decline("pyCrypto is not imported by a statement")
    return [Fix("Use pycryptodomex", edits, Safety.REVIEW, NAME, _NOTES, ("pycryptodomex",))]


def _refuse_different(source: Source, binding: Binding) -> None:
    module, _, name = binding.qualified.rpartition(".")
    if isinstance(binding.node, cst.Import) or name not in _SAME.get(module, ()):
        raise Decline(f"whether pycryptodomex has `{binding.qualified}` in the same form is not known")
    if module == "Crypto.Cipher" and name in _BLOCK_CIPHERS:
        _refuse_different_cipher(source, binding)


def _refuse_different_cipher(source: Source, binding: Binding) -> None:
    for call in source.all(cst.Call):
        if source.qualified_name(call.func) != f"{binding.qualified}.new":
            continue
        if argument(call, "mode", 1) is None:
            raise Decline(f"`{source.code(call.func)}` is called without a mode, which pycryptodomex wants")
        counter = argument(call, "counter")
        if counter is not None and isinstance(counter.value, cst.Lambda):
            raise Decline("the counter is a function: pycryptodomex takes those of Crypto.Util.Counter only")
    if any(source.code(node) == f"{binding.local}.MODE_PGP" for node in source.all(cst.Attribute)):
        raise Decline("pycryptodomex has no MODE_PGP: its name is MODE_OPENPGP, with other arguments")


def _refuse_raw_keys(source: Source, imported: list[Binding]) -> None:
    """Keys of pyCrypto could encrypt and sign by themselves, without padding."""
    names = {binding.qualified for binding in imported}
    if not any(n.startswith("Crypto.PublicKey.") for n in names) or any(".PKCS1_" in n for n in names):
        return
    for call in source.all(cst.Call):
        if isinstance(call.func, cst.Attribute) and call.func.attr.value in _RAW_RSA:
            raise Decline(f"keys of pycryptodomex do not `{call.func.attr.value}` by themselves: use PKCS1_OAEP or pss")


def _root(binding: Binding) -> cst.CSTNode:
    """The `Crypto` of `from Crypto.Cipher import AES`."""
    node: cst.CSTNode | None = binding.node.module if isinstance(binding.node, cst.ImportFrom) else None
    while isinstance(node, cst.Attribute):
        node = node.value
    if node is None:
        raise Decline("pyCrypto is not imported by name")
    return node


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B413"}),
        _fix,
        not_applied="The file uses something that pycryptodomex has not, or has in another form (XOR, MODE_PGP, a "
        "cipher without a mode, keys that encrypt by themselves).",
    ),
)
