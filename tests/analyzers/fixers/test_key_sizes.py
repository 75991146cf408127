from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety

ASYMMETRIC = "from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa\n"
PYCRYPTODOME = "from Cryptodome.PublicKey import RSA\n"


@pytest.mark.parametrize(
    ("imports", "before", "after"),
    [
        (ASYMMETRIC, "rsa.generate_private_key(65537, 1024)", "rsa.generate_private_key(65537, 3072)"),
        (ASYMMETRIC, "dsa.generate_private_key(key_size=512)", "dsa.generate_private_key(key_size=3072)"),
        (ASYMMETRIC, "ec.generate_private_key(curve=ec.SECT163K1)", "ec.generate_private_key(curve=ec.SECP256R1)"),
        (PYCRYPTODOME, "RSA.generate(1024) # why", "RSA.generate(3072) # why"),
        (PYCRYPTODOME, "RSA.generate(bits=1_024)", "RSA.generate(bits=3072)"),
    ],
)
def test_a_key_is_made_longer(imports: str, before: str, after: str) -> None:
    check_fix("B505", f"{imports}{before}\n", f"{imports}{after}\n", Safety.REVIEW)


def test_a_curve_imported_by_name_is_left_alone() -> None:
    source = (
        "from cryptography.hazmat.primitives.asymmetric import ec\n"
        "from cryptography.hazmat.primitives.asymmetric.ec import SECT163R2\n"
        "ec.generate_private_key(SECT163R2)\n"
    )
    check_declined("B505", source, "ec.NAME")
