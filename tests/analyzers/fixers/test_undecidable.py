from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("code", "source", "reason"),
    [
        ("B304", "from Cryptodome.Cipher import DES\nDES.new(k)\n", "could not be read any more"),
        ("B305", "from cryptography.hazmat.primitives.ciphers.modes import ECB\nECB()\n", "could not be read any more"),
        ("B312", "import telnetlib\ntelnetlib.Telnet(h)\n", "SSH"),
        ("B321", "import ftplib\nftplib.FTP(h)\n", "prot_p"),
        ("B401", "import telnetlib\ntelnetlib.Telnet(h)\n", "SSH"),
        ("B402", "import ftplib, os\n", "prot_p"),
        ("B411", "try:\n    import xmlrpc\nexcept ImportError:\n    pass\n", "monkey_patch"),
        ("B508", "from pysnmp.hlapi import CommunityData\nCommunityData('x', mpModel=0)\n", "two keys"),
        ("B509", "from pysnmp.hlapi import UsmUserData\nUsmUserData('x')\n", "two keys"),
        ("B601", "import paramiko\nc.exec_command(x)\n", "shlex.quote"),
        ("B612", "import logging.config\nlogging.config.listen()\n", "verify"),
        ("B615", "from datasets import load_dataset\nload_dataset('x')\n", "revision"),
    ],
)
def test_the_reason_is_said(code: str, source: str, reason: str) -> None:
    check_declined(code, source, reason)


@pytest.mark.parametrize(
    ("code", "before", "after"),
    [
        ("B402", "import ftplib\nimport os\nos.close(1)\n", "import os\nos.close(1)\n"),
        ("B415", "from pyghmi.ipmi import command\nx = 1\n", "x = 1\n"),
    ],
)
def test_an_unused_import_goes(code: str, before: str, after: str) -> None:
    check_fix(code, before, after, Safety.SAFE)
