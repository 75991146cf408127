"""The parts of a system that programs need to run, and that tell nothing about its user."""

from __future__ import annotations

from pathlib import Path

FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store")
SETTINGS = (
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime"),
    *("/etc/nsswitch.conf", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls/certs"),
    *("/etc/pki/ca-trust", "/etc/mime.types", "/etc/fonts", "/etc/protocols", "/etc/services", "/etc/os-release"),
    *("/etc/java-17-openjdk", "/etc/java-21-openjdk", "/etc/timezone"),
)


def folders() -> list[Path]:
    return [path for name in FOLDERS if (path := Path(name)).exists()]


def settings() -> list[Path]:
    return [path for name in SETTINGS if (path := Path(name)).exists()]
