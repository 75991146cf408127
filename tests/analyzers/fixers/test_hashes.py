from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import hashlib\ncache_key = hashlib.md5(b).hexdigest()\n",
            "import hashlib\ncache_key = hashlib.md5(b, usedforsecurity=False).hexdigest()\n",
        ),
        (
            "import hashlib\ndef etag(b):\n    return hashlib.new('sha1', b).hexdigest()\n",
            "import hashlib\ndef etag(b):\n    return hashlib.new('sha1', b, usedforsecurity=False).hexdigest()\n",
        ),
        (
            "import hashlib\nclass FileChecksum:\n    new = hashlib.md5\n    h = hashlib.md5()\n",
            "import hashlib\nclass FileChecksum:\n    new = hashlib.md5\n    h = hashlib.md5(usedforsecurity=False)\n",
        ),
        (
            "import hashlib\nheaders['ETag'] = hashlib.md5(b, usedforsecurity=True)\n",
            "import hashlib\nheaders['ETag'] = hashlib.md5(b, usedforsecurity=False)\n",
        ),
        (
            "import hashlib\nmd5sum_cache = hashlib.md5(b)\n",
            "import hashlib\nmd5sum_cache = hashlib.md5(b, usedforsecurity=False)\n",
        ),
    ],
)
def test_a_hash_that_is_no_security_is_marked(before: str, after: str) -> None:
    check_fix("B324", before, after, Safety.SAFE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import hashlib\nh = hashlib.md5(b)\n", "import hashlib\nh = hashlib.sha256(b)\n"),
        ("import hashlib as h\nh.sha1(b).digest()\n", "import hashlib as h\nh.sha256(b).digest()\n"),
        ("from hashlib import md5\nmd5(b)\n", "from hashlib import sha256\nsha256(b)\n"),
        ("import hashlib\nhashlib.new('MD4', b)\n", "import hashlib\nhashlib.new('sha256', b)\n"),
        ('import hashlib\nhashlib.new(name="sha")\n', 'import hashlib\nhashlib.new(name="sha256")\n'),
        (
            "import hashlib\ndef cached(token):\n    return hashlib.md5(token)\n",
            "import hashlib\ndef cached(token):\n    return hashlib.sha256(token)\n",
        ),
        (
            "import crypt\ncrypt.crypt(w, salt=crypt.METHOD_MD5)\n",
            "import crypt\ncrypt.crypt(w, salt=crypt.METHOD_SHA512)\n",
        ),
        ("import crypt\ncrypt.mksalt(crypt.METHOD_CRYPT)\n", "import crypt\ncrypt.mksalt(crypt.METHOD_SHA512)\n"),
    ],
)
def test_a_hash_becomes_sha_256(before: str, after: str) -> None:
    check_fix("B324", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        ("from hashlib import md5\nmd5(a)\nmd5(b)\n", "from hashlib import sha256\nsha256(a)\nsha256(b)\n", 2),
        (
            "from hashlib import md5\nmd5(a)\ncache = md5(b)\n",
            "from hashlib import md5, sha256\nsha256(a)\ncache = md5(b)\n",
            1,
        ),
    ],
)
def test_calls_of_an_imported_hash_change_together(before: str, after: str, gone: int) -> None:
    check_fix("B324", before, after, Safety.REVIEW, gone=gone)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import hashlib\ndef f(password):\n    h = hashlib.md5()\n    h.update(password)\n", "hashlib.scrypt"),
        ("import hashlib\nif hashlib.md5(b).hexdigest() == expected_md5:\n    pass\n", "`md5` is near"),
        ("import hashlib, uuid\nx = uuid.UUID(hashlib.md5(b).hexdigest())\n", "`uuid` is near"),
    ],
)
def test_a_hash_is_left_alone(source: str, reason: str) -> None:
    check_declined("B324", source, reason)


@pytest.mark.parametrize(
    ("before", "after", "gone"),
    [
        (
            "from cryptography.hazmat.primitives import hashes\nhashes.SHA1()\n",
            "from cryptography.hazmat.primitives import hashes\nhashes.SHA256()\n",
            1,
        ),
        (
            "from Cryptodome.Hash import MD5\na = MD5.new()\nb = MD5.new(a)\n",
            "from Cryptodome.Hash import SHA256\na = SHA256.new()\nb = SHA256.new(a)\n",
            2,
        ),
        (
            "from Cryptodome.Hash import MD5 as m, SHA256\nm.new(SHA256)\n",
            "from Cryptodome.Hash import SHA256\nSHA256.new(SHA256)\n",
            1,
        ),
    ],
)
def test_a_hash_of_other_packages_becomes_sha_256(before: str, after: str, gone: int) -> None:
    check_fix("B303", before, after, Safety.REVIEW, gone=gone)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("from Crypto.Hash import MD5\nMD5.new()\n", "no longer maintained"),
        (
            "from cryptography.hazmat.primitives import hashes\ntotp = TOTP(k, hashes.SHA1())\n",
            "`totp` is near",
        ),
    ],
)
def test_a_hash_of_other_packages_is_left_alone(source: str, reason: str) -> None:
    check_declined("B303", source, reason)
