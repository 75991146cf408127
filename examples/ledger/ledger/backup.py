"""Nightly: dump, pack, copy away."""

import os
import subprocess
import sys
import datetime


def archive_name(prefix="ledger"):
    return f"{prefix}-{datetime.date.today():%Y%m%d}.tar.gz"


def pack(folder, target):
    subprocess.run(f"tar czf {target} {folder}", shell=True, check=True)


def copy_away(target, host="backup.example.com"):
    os.system(f"scp {target} {host}:/srv/backup/")


def disk_usage():
    return subprocess.check_output("df -h /srv", shell=True, text=True)


def rotate(folder, keep=14):
    names = sorted(n for n in os.listdir(folder) if n.endswith(".tar.gz"))
    for name in names[:-keep]:
        try:
            os.unlink(os.path.join(folder, name))
        except OSError:
            pass
