"""B505: RSA and DSA keys under 2048 bits, curves under 224. → 3072 bits, SECP256R1: both about 128 bits of strength,
which NIST SP 800-57 accepts beyond 2030."""

from __future__ import annotations

from typing import TYPE_CHECKING

import libcst as cst

from codefactory.analyzers.finding import Fix, Safety

from .fixer import Fixer
from .nodes import argument
from .tree import Decline

if TYPE_CHECKING:
    from codefactory.analyzers.finding import Finding

    from .source import Source

NAME = "key-size"
_BITS = 3072
_ASYMMETRIC = "cryptography.hazmat.primitives.asymmetric"
_SIZES: dict[str, tuple[str, int]] = {
    f"{_ASYMMETRIC}.dsa.generate_private_key": ("key_size", 0),
    f"{_ASYMMETRIC}.rsa.generate_private_key": ("key_size", 1),
    **{
        f"{package}.PublicKey.{kind}.generate": ("bits", 0)
        for package in ("Crypto", "Cryptodome")
        for kind in ("DSA", "RSA")
    },
}
"""Function → keyword and position of the size."""
_CURVES = f"{_ASYMMETRIC}.ec.generate_private_key"
_WEAK_CURVES = {"SECT163K1", "SECT163R2", "SECP192R1"}
_NOTE = "Keys made before stay weak: replace them. A larger key takes longer to make, and its signatures are longer."


def _fix(source: Source, finding: Finding) -> list[Fix]:
    call = source.find(finding, cst.Call, lambda c: source.qualified_name(c.func) in (*_SIZES, _CURVES))
    function = source.qualified_name(call.func) or ""
    if function == _CURVES:
        return [_curve(source, call)]
    size = argument(call, *_SIZES[function])
    if size is None or not isinstance(size.value, cst.Integer):
        raise Decline("the size is not written as a number in this call")
    edit = source.replace(size.value, str(_BITS))
    return [Fix(f"Use {_BITS} bits", (edit,), Safety.REVIEW, NAME, (_NOTE,))]


def _curve(source: Source, call: cst.Call) -> Fix:
    arg = argument(call, "curve", 0)
    curve = arg.value.func if arg and isinstance(arg.value, cst.Call) else arg.value if arg else None
    if not isinstance(curve, cst.Attribute) or curve.attr.value not in _WEAK_CURVES:
        raise Decline("the curve is not written as `ec.NAME` in this call")
    edit = source.replace(curve.attr, "SECP256R1")
    return Fix("Use the curve SECP256R1", (edit,), Safety.REVIEW, NAME, (_NOTE,))


FIXERS = (
    Fixer(
        NAME,
        frozenset({"B505"}),
        _fix,
        not_applied="The size is not a number, or the curve no attribute of `ec`, in the call itself.",
    ),
)
