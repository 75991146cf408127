"""`PromptLibrary`: the templates of what models are asked, bundled with the program or a user's own.

A template `NAME.md` is looked for in the workspace's `.codefactory/prompts` (each file only as the user has trusted
it), in the folder `prompts` of the user's configuration, and then here; in each first as `NAME.LANGUAGE.md`. One that
is broken is passed over, with a Problem that says in which line.

A file may begin with a head between lines of `---`, with `version: ` and a number or a word.
"""

from __future__ import annotations

import functools
import importlib.resources
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from codefactory.analyzers import Problem
from codefactory.pipelines import trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.resources.abc import Traversable

    import jinja2

WORKSPACE_FOLDER = Path(".codefactory") / "prompts"
SECURE: dict[str, str] = {
    "python": "secure-python",
    "javascript": "secure-typescript",
    "javascriptreact": "secure-typescript",
    "typescript": "secure-typescript",
    "typescriptreact": "secure-typescript",
    "java": "secure-java",
    "go": "secure-go",
    "rust": "secure-rust",
}
"""A language's rules of secure code. For other languages a user may add `secure-LANGUAGE.md`."""
MAX_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class Rendered:
    """`version` names the template, e.g. "repair-system 2"; where it is not bundled, also its file."""

    text: str
    version: str
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Source:
    name: str
    """Without language and suffix."""
    path: str
    """For problems."""
    text: str
    own: bool
    """Whether it is not bundled."""


class PromptLibrary:
    """`workspace`: the root of a project, whose own templates count where they are trusted. `user_folder`: by default
    that of the user's configuration."""

    def __init__(self, workspace: Path | None = None, *, user_folder: Path | None = None) -> None:
        self._workspace = workspace
        self._user_folder = user_folder

    def render(self, name: str, *, language: str = "", **variables: object) -> Rendered:
        """The text of the first template that works. `language` is a variable, too. Raises KeyError when there is no
        template of that name. Reads files: not for an event loop."""
        problems: list[Problem] = []
        for source in self._sources(name, language, problems):
            try:
                text, version = _render(source, {"language": language, **variables})
            except _TemplateError as error:
                if not source.own:
                    raise
                problems.append(_problem(f"{error}. The next one of its name is used."))
                continue
            said = f"{name} {version}" + (f" from {source.path}" if source.own else "")
            return Rendered(text, said, tuple(problems))
        raise KeyError(f"there is no prompt template {name}.md")

    def secure_rules(self, language: str) -> Rendered | None:
        """The rules of secure code for a language; None where there are none."""
        try:
            return self.render(SECURE.get(language, f"secure-{language}"), language=language)
        except KeyError:
            return None

    def _sources(self, name: str, language: str, problems: list[Problem]) -> Iterator[_Source]:
        names = (f"{name}.{language}.md", f"{name}.md") if language else (f"{name}.md",)
        if self._workspace is not None:
            yield from self._files(self._workspace / WORKSPACE_FOLDER, name, names, problems, only_trusted=True)
        user = self._user_folder or Path(platformdirs.user_config_dir("codefactory")) / "prompts"
        yield from self._files(user, name, names, problems, only_trusted=False)
        if (text := bundled(name)) is not None:
            yield _Source(name, f"{name}.md", text, own=False)

    def _files(
        self, folder: Path, name: str, names: tuple[str, ...], problems: list[Problem], *, only_trusted: bool
    ) -> Iterator[_Source]:
        for file in names:
            path = folder / file
            try:
                data = path.read_bytes()
                if len(data) > MAX_BYTES:
                    problems.append(_problem(f"{path} is not used: it has more than {MAX_BYTES:,} bytes."))
                    continue
                text = data.decode("utf-8")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                problems.append(_problem(f"{path} is not used: it cannot be read: {error}."))
                continue
            if only_trusted and not trust.is_trusted(path, data):
                message = f"{path} is not used until you trust it: run `codefactory trust {path}`."
                problems.append(Problem("prompts", "untrusted", message))
                continue
            yield _Source(name, str(path), text, own=True)


def bundled(name: str) -> str | None:
    """The text of a template of ours."""
    if "/" in name or "\\" in name:
        return None
    try:
        return _folder().joinpath(f"{name}.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def bundled_names() -> tuple[str, ...]:
    return tuple(sorted(f.name.removesuffix(".md") for f in _folder().iterdir() if f.name.endswith(".md")))


def _folder() -> Traversable:
    return importlib.resources.files(__spec__.parent).joinpath("templates")


class _TemplateError(Exception):
    """Names the file and the line."""


def _render(source: _Source, variables: dict[str, object]) -> tuple[str, str]:
    """Text and version. Raises _TemplateError."""
    version, template = _compiled(source)
    try:
        text = template.render(variables).strip() + "\n"
    except Exception as error:
        raise _TemplateError(f"{_place(source, error)}: {_what(error)}") from error
    if len(text) == 1:
        raise _TemplateError(f"{source.path}:1: nothing comes of it")
    return text, version


@functools.lru_cache(maxsize=128)
def _compiled(source: _Source) -> tuple[str, jinja2.Template]:
    import jinja2

    version, body = _head(source)
    environment = _environment()
    try:
        code: Any = environment.compile(body, name=source.name, filename=source.path)
    except jinja2.TemplateSyntaxError as error:
        raise _TemplateError(f"{source.path}:{error.lineno}: {error.message}") from error
    return version, jinja2.Template.from_code(environment, code, environment.make_globals(None))


def _head(source: _Source) -> tuple[str, str]:
    """Version and body; the body keeps the file's line numbers. Raises _TemplateError."""
    lines = source.text.removeprefix("\ufeff").splitlines(keepends=True)
    if not lines or lines[0].strip() != "---":
        return f"sha256 {trust.content_hash(source.text.encode())[:8]}", "".join(lines)
    end = next((n for n, line in enumerate(lines[1:], start=1) if line.strip() == "---"), None)
    if end is None:
        raise _TemplateError(f"{source.path}:1: the head that begins here has no line `---` at its end")
    version = f"sha256 {trust.content_hash(source.text.encode())[:8]}"
    for number, line in enumerate(lines[1:end], start=2):
        key, colon, value = line.partition(":")
        if not line.strip():
            continue
        if not colon or key.strip() != "version" or not value.strip() or len(value) > 60:
            raise _TemplateError(f"{source.path}:{number}: a head says `version: ` and a number or a word")
        version = value.strip()
    return version, "\n" * (end + 1) + "".join(lines[end + 1 :])


def _place(source: _Source, error: BaseException) -> str:
    """The file and the last line of it that was at work."""
    line, at = 1, error.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == source.path:
            line = at.tb_lineno
        at = at.tb_next
    return f"{source.path}:{line}"


def _what(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _problem(message: str) -> Problem:
    return Problem("prompts", "configuration", message)


@functools.cache
def _environment() -> jinja2.Environment:
    """Jinja2, imported on first use. Sandboxed: templates can be a user's own. What is rendered is plain text for a
    model, so that escaping for HTML would only falsify it."""
    import jinja2
    import jinja2.sandbox

    def load(name: str) -> str | None:
        text = bundled(name.removesuffix(".md"))
        return None if text is None else _head(_Source(name, name, text, own=False))[1]

    return jinja2.sandbox.ImmutableSandboxedEnvironment(
        loader=jinja2.FunctionLoader(load),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # see above
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
