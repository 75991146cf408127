from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import ssl\nc = ssl._create_unverified_context()\n", "import ssl\nc = ssl.create_default_context()\n"),
        (
            "import ssl\nc = ssl._create_unverified_context(cafile=f)\n",
            "import ssl\nc = ssl.create_default_context(cafile=f)\n",
        ),
        (
            "from ssl import _create_unverified_context as c\nc()\n",
            "from ssl import create_default_context\ncreate_default_context()\n",
        ),
    ],
)
def test_a_context_verifies(before: str, after: str) -> None:
    check_fix("B323", before, after, Safety.REVIEW)


def test_a_context_with_other_arguments_is_left_alone() -> None:
    check_declined("B323", "import ssl\nssl._create_unverified_context(certfile=f)\n", "does not take all")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_SSLv3)\n",
            "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_TLS)\n",
        ),
        (
            "from ssl import PROTOCOL_TLSv1\nPool(ssl_version=PROTOCOL_TLSv1)\n",
            "from ssl import PROTOCOL_TLS\nPool(ssl_version=PROTOCOL_TLS)\n",
        ),
        (
            "from OpenSSL import SSL\nSSL.Context(method=SSL.SSLv23_METHOD)\n",
            "from OpenSSL import SSL\nSSL.Context(method=SSL.TLSv1_2_METHOD)\n",
        ),
    ],
)
def test_a_version_is_raised(before: str, after: str) -> None:
    check_fix("B502", before, after, Safety.REVIEW)


def test_a_version_can_be_pinned_instead() -> None:
    before = "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_TLSv1)\n"
    after = "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_TLSv1_2)\n"
    check_fix("B502", before, after, Safety.REVIEW, alternative=1)


def test_a_version_from_elsewhere_is_left_alone() -> None:
    check_declined("B502", "import mine\nf(ssl_version=mine.PROTOCOL_SSLv3)\n", "not written in a form")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import ssl\ndef f(s, v=ssl.PROTOCOL_SSLv2):\n    pass\n",
            "import ssl\ndef f(s, v=ssl.PROTOCOL_TLS):\n    pass\n",
        ),
        (
            "import ssl\ndef f(v=ssl.PROTOCOL_TLSv1, w=ssl.PROTOCOL_TLSv1_1):\n    pass\n",
            "import ssl\ndef f(v=ssl.PROTOCOL_TLS, w=ssl.PROTOCOL_TLS):\n    pass\n",
        ),
    ],
)
def test_a_default_version_is_raised(before: str, after: str) -> None:
    check_fix("B503", before, after, Safety.REVIEW)


def test_a_missing_version_is_given() -> None:
    check_fix(
        "B504",
        "import ssl\nssl.wrap_socket(s)\n",
        "import ssl\nssl.wrap_socket(s, ssl_version=ssl.PROTOCOL_TLSv1_2)\n",
        Safety.REVIEW,
    )


@pytest.mark.parametrize("arguments", ["s, k, c, False, 0, v", "s, **options"])
def test_a_version_that_may_be_given_is_left_alone(arguments: str) -> None:
    check_declined("B504", f"import ssl\nssl.wrap_socket({arguments})\n", "by position")
