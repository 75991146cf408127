#!/usr/bin/env python3
"""Put the server and what it needs into bundled/, for one platform and every supported Python.

    python bundle.py [PLATFORM]      PLATFORM as `vsce --target` names it; default: this machine's

The Pythons share bundled/libs: compiled modules carry their Python's tag in their names, and all other files are the
same. bundled/pythons.txt lists the Pythons. What goes in is said by pyproject.toml, the versions by constraints.txt.
litellm is left out: with its dependencies it is 250 MB, and only some models need it. So is jsonschema-rs, 15 MB, which
a pipeline's validate step needs: the language server runs no pipelines.
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
LEFT_OUT = {"litellm", "jsonschema-rs"}
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
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/WHEEL",
    "*.dist-info/direct_url.json",
    "*.dist-info/sboms",
    "bin/[!r]*",
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
    (BUNDLED / "pythons.txt").write_text("\n".join(PYTHONS) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = install_own(folder)
        with ThreadPoolExecutor() as pool:
            layers = list(pool.map(lambda version: install(version, target, folder / version), PYTHONS))
        for layer in (own, *layers):
            remove_unused(layer)
            merge(layer, BUNDLED / "libs")
    if target.startswith("linux"):
        strip(BUNDLED / "libs")
    report()


def this_platform() -> str:
    system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}[platform.system()]
    return f"{system}-{'arm64' if platform.machine().lower() in ('arm64', 'aarch64') else 'x64'}"


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


def install_own(folder: Path) -> Path:
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    pip("install", "--no-deps", "--target", str(folder / "own"), str(next(folder.glob("codefactory-*.whl"))))
    return folder / "own"


def remove_unused(layer: Path) -> None:
    for pattern in UNUSED:
        for path in layer.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def merge(layer: Path, common: Path) -> None:
    """Files of the same name must be equal, or two Pythons could not share them."""
    for path in sorted(p for p in layer.rglob("*") if p.is_file()):
        place = common / path.relative_to(layer)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, place)
        elif path.read_bytes() != place.read_bytes():
            sys.exit(f"{path.relative_to(layer)} is not the same for all of Python {', '.join(PYTHONS)}")


def strip(folder: Path) -> None:
    """Takes debug symbols out of compiled modules. What the tool cannot read, as another machine's, stays as it is."""
    tool = shutil.which("strip")
    for path in folder.rglob("*.so") if tool else ():
        subprocess.run([str(tool), "--strip-unneeded", str(path)], stderr=subprocess.DEVNULL)


def pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)


def report() -> None:
    libs = BUNDLED / "libs"
    entries = sorted(((size(entry), entry.name) for entry in libs.iterdir()), reverse=True)
    named = ", ".join(f"{name} {n / 1e6:.1f}" for n, name in entries[:9])
    print(f"bundled/libs: {size(libs) / 1e6:.1f} MB before compression; {named}")


def size(path: Path) -> int:
    """In bytes, before compression."""
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file()) if path.is_dir() else path.stat().st_size


if __name__ == "__main__":
    main()
