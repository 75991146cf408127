"""`Nonces`: what an answer to a question must prove.

A run's store is in the workspace, where the pipeline itself may be able to write. So for each question there is a
nonce in the user's data folder, which no step may read, and an answer counts only with a proof that was made of it.
Code in the sandbox can neither forge an answer in the database nor give one through the command line.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from pathlib import Path

import platformdirs

from codefactory.pipelines.private_files import write_private


def question_folder() -> Path:
    return Path(platformdirs.user_data_dir("codefactory")) / "questions"


class Nonces:
    """Those of the questions that runs of one store have put. Blocks."""

    def __init__(self, database: Path) -> None:
        self._database = str(database.resolve())

    def make(self, run_id: str, path: str, question: str) -> None:
        """A new one, in the place of any earlier one: answers to that count no longer. Raises OSError."""
        file = self._file(run_id)
        write_private(file, json.dumps(self._read(file) | {_key(path, question): secrets.token_hex(16)}).encode())

    def find(self, run_id: str, path: str, question: str) -> str | None:
        """None: the question was not put on this machine by this user."""
        return self._read(self._file(run_id)).get(_key(path, question))

    def sign(self, run_id: str, path: str, output: bytes) -> str:
        """The proof that this process, and nothing that wrote into the database, found an approval settled so. Raises
        OSError."""
        return hmac.new(_key_of_user(make=True), _said(run_id, path, output), hashlib.sha256).hexdigest()

    def signed(self, run_id: str, path: str, output: bytes, proof: object) -> bool:
        """Whether `proof` is what `sign` gives."""
        key = _key_of_user(make=False)
        expected = hmac.new(key, _said(run_id, path, output), hashlib.sha256).hexdigest()
        return bool(key) and isinstance(proof, str) and hmac.compare_digest(expected, proof)

    def drop(self, run_id: str) -> None:
        self._file(run_id).unlink(missing_ok=True)

    def _file(self, run_id: str) -> Path:
        name = hashlib.sha256(f"{self._database}\0{run_id}".encode()).hexdigest()[:32]
        return question_folder() / f"{name}.json"

    @staticmethod
    def _read(file: Path) -> dict[str, str]:
        try:
            return {str(k): str(v) for k, v in json.loads(file.read_bytes()).items()}
        except (OSError, ValueError, AttributeError):
            return {}


def proof_of(nonce: str, *facts: object) -> str:
    """That whoever knows the nonce says just this."""
    return hmac.new(nonce.encode(), json.dumps(facts).encode(), hashlib.sha256).hexdigest()


def _said(run_id: str, path: str, output: bytes) -> bytes:
    return json.dumps([run_id, path, hashlib.sha256(output).hexdigest()]).encode()


def _key_of_user(*, make: bool) -> bytes:
    """Empty if there is none."""
    file = question_folder() / "key"
    if make and not file.exists():
        write_private(file, secrets.token_hex(32).encode())
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


def _key(path: str, question: str) -> str:
    return hashlib.sha256(f"{path}\0{question}".encode()).hexdigest()
