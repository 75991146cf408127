from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (
            "from Crypto.Cipher import AES\nAES.new(key, AES.MODE_CBC, iv)\n",
            "from Cryptodome.Cipher import AES\nAES.new(key, AES.MODE_CBC, iv)\n",
            1,
        ),
        (
            "from Crypto import Random\nfrom Crypto.Hash import MD5 as h, HMAC\nHMAC.new(k, h, Random.new())\n",
            "from Cryptodome import Random\nfrom Cryptodome.Hash import MD5 as h, HMAC\nHMAC.new(k, h, Random.new())\n",
            2,
        ),
    ],
)
def test_the_whole_file_moves(before: str, after: str, gone: int) -> None:
    fix = check_fix("B413", before, after, Safety.REVIEW, gone=gone)
    assert fix.dependencies == ("pycryptodomex",)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("from Crypto.Cipher import XOR\nXOR.new(k)\n", "Crypto.Cipher.XOR"),
        ("from Crypto.Cipher import AES, blockalgo\n", "Crypto.Cipher.blockalgo"),
        ("import Crypto.Cipher.AES\n", "not known"),
        ("from Crypto.Cipher import AES\nAES.new(key)\n", "without a mode"),
        ("from Crypto.Cipher import AES\nAES.new(key, AES.MODE_CTR, counter=lambda: n)\n", "Counter"),
        ("from Crypto.Cipher import AES\nAES.new(key, AES.MODE_PGP, iv)\n", "MODE_PGP"),
        ("from Crypto.PublicKey import RSA\nRSA.importKey(k).encrypt(m, 1)\n", "PKCS1_OAEP"),
        ("from Crypto.Cipher import AES\npatch('Crypto.Cipher.AES')\n", "a string in this file"),
    ],
)
def test_what_is_not_the_same_is_left_alone(source: str, reason: str) -> None:
    check_declined("B413", source, reason)
