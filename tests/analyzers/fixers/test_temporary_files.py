from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import os\nimport tempfile\nname = tempfile.mktemp('.x')  # why\nopen(name)\n",
            "import os\nimport tempfile\nfd, name = tempfile.mkstemp('.x')  # why\nos.close(fd)\nopen(name)\n",
        ),
        (
            "import os, tempfile as t\ndef f(s):\n    s.fd = t.mktemp(\n        dir=d)\n",
            (
                "import os, tempfile as t\ndef f(s):\n    temporary_fd, s.fd = t.mkstemp(\n        dir=d)\n"
                "    os.close(temporary_fd)\n"
            ),
        ),
        (
            "import os\nfrom tempfile import mktemp\nx = mktemp()\n",
            "import os\nfrom tempfile import mkstemp\nfd, x = mkstemp()\nos.close(fd)\n",
        ),
    ],
)
def test_a_temporary_file_is_made(before: str, after: str) -> None:
    check_fix("B306", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import tempfile\nopen(tempfile.mktemp(), 'w')\n", "within an expression"),
        ("import tempfile\nif x: y = tempfile.mktemp()\n", "within an expression"),
        ("import tempfile\nx = y = tempfile.mktemp()\n", "several targets"),
        ("import os, tempfile\nx = tempfile.mktemp()\nos.mkfifo(x)\n", "`mkfifo`"),
    ],
)
def test_a_temporary_name_is_left_alone(source: str, reason: str) -> None:
    check_declined("B306", source, reason)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import tempfile\nwith open('/tmp/out.log', 'w', encoding='utf-8') as f:\n    f.write(x)\n",
            (
                "import tempfile\nwith tempfile.NamedTemporaryFile('w', encoding='utf-8', "
                'prefix="out-", suffix=".log", delete=False) as f:\n    f.write(x)\n'
            ),
        ),
        ("import tempfile\ntempfile.mkdtemp(dir='/tmp')\n", "import tempfile\ntempfile.mkdtemp()\n"),
        (
            "from tempfile import TemporaryFile\nTemporaryFile('w', dir='/tmp/', prefix='x')\n",
            "from tempfile import TemporaryFile\nTemporaryFile('w', prefix='x')\n",
        ),
    ],
)
def test_a_path_is_not_known_before(before: str, after: str) -> None:
    check_fix("B108", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("path = '/tmp/x'\n", "other programs"),
        ("f = open('/tmp/x', 'w')\n", "`with` statement"),
        ("with open('/tmp/x') as f:\n    pass\n", "not written to"),
        ("with open('/var/tmp/x', 'w') as f:\n    pass\n", "not the default one"),
        ("import tempfile\ntempfile.mkdtemp(dir='/dev/shm')\n", "not the default one"),
        ("with open('/tmp/x', 'w') as f:\n    pass\nread('/tmp/x')\n", "used again"),
        ("with open('/tmp/x\"y', 'w') as f:\n    pass\n", "as a prefix"),
        ("with open('/tmp/x', 'w', closefd=False) as f:\n    pass\n", "does not take"),
    ],
)
def test_a_path_is_left_alone(source: str, reason: str) -> None:
    check_declined("B108", source, reason)
