from __future__ import annotations

import pytest
from fixer_tables import check_declined, check_fix

from codefactory.analyzers import Safety


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "import paramiko\nc.set_missing_host_key_policy(paramiko.AutoAddPolicy())\n",
            "import paramiko\nc.set_missing_host_key_policy(paramiko.RejectPolicy())\n",
        ),
        (
            "from paramiko import client\nc.set_missing_host_key_policy( client.WarningPolicy ) # why\n",
            "from paramiko import client\nc.set_missing_host_key_policy( client.RejectPolicy ) # why\n",
        ),
        (
            "from paramiko import AutoAddPolicy, SSHClient\nSSHClient().set_missing_host_key_policy(AutoAddPolicy())\n",
            "from paramiko import RejectPolicy, SSHClient\nSSHClient().set_missing_host_key_policy(RejectPolicy())\n",
        ),
    ],
)
def test_unknown_hosts_are_refused(before: str, after: str) -> None:
    fix = check_fix("B507", before, after, Safety.REVIEW)
    assert "load_system_host_keys" in fix.notes[0]


def test_all_uses_of_an_imported_policy_change_together() -> None:
    use = "c.set_missing_host_key_policy({}())\n"
    before = "from paramiko import AutoAddPolicy\n" + 2 * use.format("AutoAddPolicy")
    after = "from paramiko import RejectPolicy\n" + 2 * use.format("RejectPolicy")
    check_fix("B507", before, after, Safety.REVIEW, gone=2)


def test_a_policy_of_the_projects_own_is_left_alone() -> None:
    source = "import paramiko\nfrom mine import AutoAddPolicy\nc.set_missing_host_key_policy(AutoAddPolicy())\n"
    check_declined("B507", source, "not one of paramiko's own")
