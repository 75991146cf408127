"""Real code that the graph's benches run on, fetched by its registries' own clients into a folder that is kept.

The folder is $CODEFACTORY_BENCH, or codefactory-bench in the system's folder for temporary files.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

HOME = Path(os.environ.get("CODEFACTORY_BENCH") or Path(tempfile.gettempdir()) / "codefactory-bench")


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None, stdin: str | None = None) -> str:
    """The output of a command. Raises CalledProcessError with what it said."""
    done = subprocess.run(
        command, cwd=cwd, env={**os.environ, **(env or {})}, input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
        done.check_returncode()
    return done.stdout


def _fetched(name: str, fetch: str, *arguments: str) -> Path:
    """Run one of the fetchers below into HOME/name, once."""
    target = HOME / name
    if not target.exists():
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        globals()[fetch](partial, *arguments)
        partial.rename(target)
    return target


def wheel(package: str) -> Path:
    """The unpacked wheel of a PyPI package."""
    return _fetched(f"pypi/{package}", "_wheel", package)


def _wheel(target: Path, package: str) -> None:
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", str(target), package)
    archive = next(target.glob("*.whl"))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target)
    archive.unlink()


def standard_library() -> Path:
    """A copy of this interpreter's standard library without site-packages and tests of broken syntax."""
    return _fetched(f"stdlib-{sys.version_info.major}.{sys.version_info.minor}", "_standard_library")


def _standard_library(target: Path) -> None:
    source = Path(os.__file__).parent
    ignore = shutil.ignore_patterns("site-packages", "__pycache__", "lib2to3", "config-*", "lib-dynload")
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=ignore)


def npm_package(package: str) -> Path:
    """The unpacked tarball of an npm package, nothing installed."""
    return _fetched(f"npm/{package}", "_npm_package", package) / "package"


def _npm_package(target: Path, package: str) -> None:
    run("npm", "pack", "--silent", package, cwd=target)
    archive = next(target.glob("*.tgz"))
    with tarfile.open(archive) as opened:
        opened.extractall(target, filter="data")
    archive.unlink()


def npm_tools(*packages: str) -> Path:
    """A folder whose node_modules holds `packages`."""
    return _fetched("npm-tools/" + "+".join(packages).replace("/", "_"), "_npm_tools", *packages)


def _npm_tools(target: Path, *packages: str) -> None:
    (target / "package.json").write_text("{}")
    run("npm", "install", "--silent", "--no-audit", "--no-fund", *packages, cwd=target)


def debian(*packages: str) -> Path:
    """A folder with the contents of Debian packages, installed nowhere."""
    return _fetched("debian/" + packages[0], "_debian", *packages)


def _debian(target: Path, *packages: str) -> None:
    run("apt-get", "update", "-qq")
    run("apt-get", "download", *packages, cwd=target)
    for archive in target.glob("*.deb"):
        run("dpkg", "-x", str(archive), str(target))
        archive.unlink()


def unzipped(name: str, archive: Path, prefix: str) -> Path:
    """A folder with those members of a zip file whose names begin with `prefix`."""
    return _fetched(name, "_unzipped", str(archive), prefix)


def _unzipped(target: Path, archive: str, prefix: str) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(target, [m for m in opened.namelist() if m.startswith(prefix)])


def tool_environment(name: str, *requirements: str) -> Path:
    """The Python of a virtual environment with peers that the project itself does not depend on."""
    return _fetched(f"venv/{name}", "_tool_environment", *requirements) / "bin" / "python"


def _tool_environment(target: Path, *requirements: str) -> None:
    final = target.with_name(target.name.removesuffix(".partial"))
    run(sys.executable, "-m", "venv", str(final))
    run(str(final / "bin" / "python"), "-m", "pip", "install", "-q", *requirements)
    shutil.rmtree(target)
    final.rename(target)
