from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import tarfile\nt = tarfile.open(f)\nt.extractall(p)\n",
            'import tarfile\nt = tarfile.open(f)\nt.extractall(p, filter="data")\n',
        ),
        (
            "import tarfile\nwith tarfile.open(f) as t:\n    t.extractall()\n",
            'import tarfile\nwith tarfile.open(f) as t:\n    t.extractall(filter="data")\n',
        ),
        (
            "import tarfile\ntarfile.open(f).extractall(path=p, members=m(t))\n",
            'import tarfile\ntarfile.open(f).extractall(path=p, members=m(t), filter="data")\n',
        ),
        (
            "import tarfile\ndef f(tar):\n    tar.extractall(filter='fully_trusted')\n",
            'import tarfile\ndef f(tar):\n    tar.extractall(filter="data")\n',
        ),
    ],
)
def test_members_are_filtered(before: str, after: str) -> None:
    check_fix("B202", before, after, Safety.REVIEW)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import tarfile, zipfile\nz = zipfile.ZipFile(f)\nz.extractall(p)\n", "cannot be seen"),
        ("import tarfile, zipfile\ndef f(tar):\n    tar.extractall(p)\n", "cannot be seen"),
        ("import tarfile\ndef f(archive):\n    archive.extractall(p)\n", "cannot be seen"),
        ("import tarfile\ntarfile.open(f).extractall(p, filter=mine)\n", "computed"),
        ("import tarfile\ntarfile.open(f).extractall(**options)\n", "hidden"),
    ],
)
def test_other_archives_are_left_alone(source: str, reason: str) -> None:
    check_declined("B202", source, reason)
