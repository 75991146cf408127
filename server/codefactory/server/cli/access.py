"""What a user allows for one run: the `--allow` options, and the policy they give together with the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from codefactory.pipelines.policy import AccessPolicy
    from codefactory.pipelines.project import Project
    from codefactory.pipelines.secrets import Secrets

_OPTIONS = ("read", "write", "hosts", "commands", "secrets", "workspace")


def access_options(command: Any) -> Any:
    """Options of everything that runs a pipeline. They come as `read`, `write`, `hosts`, `commands`, `secrets` and
    `workspace`: the fields of `Grant`."""
    folder = click.Path(path_type=Path)
    for option in (
        click.option(
            "--workspace",
            type=click.Path(path_type=Path, file_okay=False, exists=True),
            help="The folder that steps work in. Default: the project that the definition is in.",
        ),
        click.option("--allow-secret", "secrets", multiple=True, metavar="NAME", help="Let steps use this secret."),
        click.option("--allow-command", "commands", multiple=True, metavar="PROGRAM", help="Let steps start this."),
        click.option("--allow-host", "hosts", multiple=True, metavar="HOST", help="Let steps reach this host."),
        click.option("--allow-write", "write", multiple=True, type=folder, help="Let steps change files in it."),
        click.option("--allow-read", "read", multiple=True, type=folder, help="Let steps read files in it."),
    ):
        command = option(command)
    return command


def split_options(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """All other options, and those of `access_options`."""
    return {k: v for k, v in options.items() if k not in _OPTIONS}, {k: options[k] for k in _OPTIONS}


@dataclass
class Grant:
    """What the options say, about a run of the definition in `file`."""

    file: Path
    read: tuple[Path, ...] = ()
    write: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    workspace: Path | None = None
    _project: Project | None = None

    @property
    def project(self) -> Project:
        if self._project is None:
            from codefactory.pipelines import project

            self._project = project.load((self.workspace or project.find_root(self.file.resolve())).resolve())
            for problem in self._project.problems:
                if "policy." in problem.message or "secrets." in problem.message:
                    click.echo(problem.message, err=True)
        return self._project

    def policy(self, trusted: bool) -> AccessPolicy:
        """The policy of the run, given whether the definition with all its files is trusted."""
        from codefactory.pipelines.names import snake
        from codefactory.pipelines.policy.workspace import Widening, policy_for

        settings = self.project.settings
        names = tuple(snake(name) for name in self.secrets)
        widening = Widening(self.read, self.write, self.hosts, self.commands, names)
        return policy_for(self.project.root, settings.policy, settings.narrowing, trusted=trusted, widening=widening)

    def secret_places(self) -> Secrets:
        from codefactory.pipelines.secrets import Secrets

        return Secrets(self.project.settings.secrets, self.project.root)
