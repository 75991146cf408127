#!/usr/bin/env python3
"""Put the server and what it needs into bundled/, for one platform and every supported Python.

    python bundle.py [PLATFORM]      PLATFORM as `vsce --target` names it; default: this machine's

bundled/libs holds what is the same for all Pythons, bundled/libs-cp3XX the packages compiled for one. litellm is left
out: with its dependencies it is 250 MB, and only a model that is asked over the network needs it. Versions come from
constraints.txt.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUNDLED = HERE / "bundled"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LEFT_OUT = {"litellm"}
PLATFORMS = {
    "linux-x64": ("manylinux_2_28_x86_64", "manylinux2014_x86_64", "manylinux_2_17_x86_64"),
    "linux-arm64": ("manylinux_2_28_aarch64", "manylinux2014_aarch64", "manylinux_2_17_aarch64"),
    "darwin-x64": ("macosx_11_0_x86_64", "macosx_10_15_x86_64", "macosx_10_12_x86_64", "macosx_10_9_x86_64"),
    "darwin-arm64": ("macosx_11_0_arm64", "macosx_11_0_universal2"),
    "win32-x64": ("win_amd64",),
    "win32-arm64": ("win_arm64",),
}
UNUSED = (
    "**/__pycache__",
    "**/*.pyc",
    "**/tests",
    "**/test",
    "**/*.pyi",
    "**/*.c",
    "**/*.h",
    "libcst/native",
    "tree_sitter_*/queries",
    "pygments/lexers/[!_p]*",
    "pygments/lexers/_*_builtins.py",
    "pygments/lexers/p[!y]*",
)
"""Never loaded at run time."""


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else this_platform()
    if target not in PLATFORMS:
        sys.exit(f"unknown platform {target!r}; one of {', '.join(PLATFORMS)}")
    shutil.rmtree(BUNDLED, ignore_errors=True)
    BUNDLED.mkdir()
    shutil.copy(HERE / "launcher.py", BUNDLED / "server.py")
    (BUNDLED / "constraints.txt").write_text(pins(), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        with ThreadPoolExecutor() as pool:
            layers = dict(zip(PYTHONS, pool.map(lambda v: install(v, target, Path(folder) / v), PYTHONS), strict=True))
        separate(layers)
        install_own(wheel)
    for script in BUNDLED.glob("libs/bin/*"):
        if not script.name.startswith("ruff"):
            script.unlink()  # starts with the path of a Python that is not the user's
    for pattern in UNUSED:
        for path in BUNDLED.glob(f"libs*/{pattern}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    report()


def this_platform() -> str:
    system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}[platform.system()]
    return f"{system}-{'arm64' if platform.machine().lower() in ('arm64', 'aarch64') else 'x64'}"


def build_wheel(folder: Path) -> Path:
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    return next(folder.glob("codefactory-*.whl"))


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [r for r in project["dependencies"] if re.split(r"[<>=!~ \[]", r)[0] not in LEFT_OUT]


def pins() -> str:
    """For what is installed later: the same versions as elsewhere, litellm's dependencies included."""
    return (ROOT / "constraints.txt").read_text("utf-8")


def install(version: str, target: str, folder: Path) -> Path:
    platforms = [argument for name in PLATFORMS[target] for argument in ("--platform", name)]
    pip(
        "install", "--target", str(folder), "--python-version", version, "--only-binary", ":all:", *platforms,
        "--implementation", "cp", "-c", str(ROOT / "constraints.txt"), *requirements(),
    )  # fmt: skip
    return folder


def install_own(wheel: Path) -> None:
    pip("install", "--no-deps", "--target", str(BUNDLED / "libs"), str(wheel))


def separate(layers: dict[str, Path]) -> None:
    """Top-level entries that are equal in all layers go to libs, the others to the layer of their Python."""
    common = BUNDLED / "libs"
    common.mkdir()
    first, *others = layers.values()
    for entry in sorted(first.iterdir()):
        if all(equal(entry, other / entry.name) for other in others):
            shutil.move(entry, common / entry.name)
    for version, folder in layers.items():
        own = BUNDLED / f"libs-cp{version.replace('.', '')}"
        own.mkdir()
        for entry in folder.iterdir():
            if not (common / entry.name).exists():
                shutil.move(entry, own / entry.name)


def equal(a: Path, b: Path) -> bool:
    if a.is_dir():
        files = sorted(p.relative_to(a) for p in a.rglob("*") if p.is_file() and not unused(p))
        return files == sorted(p.relative_to(b) for p in b.rglob("*") if p.is_file() and not unused(p)) and all(
            (a / f).read_bytes() == (b / f).read_bytes() for f in files
        )
    return b.is_file() and a.read_bytes() == b.read_bytes()


def unused(path: Path) -> bool:
    return path.suffix == ".pyc" or path.name in ("RECORD", "INSTALLER", "direct_url.json", "REQUESTED")


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def report() -> None:
    for folder in sorted(BUNDLED.iterdir()):
        if folder.is_dir():
            entries = sorted(((size(entry), entry.name) for entry in folder.iterdir()), reverse=True)
            named = ", ".join(f"{name} {n / 1e6:.1f}" for n, name in entries[:5])
            print(f"{folder.name:12} {size(folder) / 1e6:6.1f} MB   {named}")


def size(path: Path) -> int:
    """In bytes, before compression."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


if __name__ == "__main__":
    main()
