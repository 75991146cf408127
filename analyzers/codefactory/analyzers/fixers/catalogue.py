"""All fixers, listed. A new rule family is one module and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import (
    Outcome,
    assert_statement,
    bidirectional_text,
    defused_xml,
    django_sql,
    flask_debug,
    hashes,
    host_keys,
    html_markup,
    http_clients,
    jinja_autoescape,
    key_sizes,
    literal_eval,
    network_interfaces,
    passwords,
    permissions,
    pycrypto,
    random_values,
    shell_command,
    sql_query,
    swallowed_exception,
    tar_extraction,
    temporary_files,
    tls,
    torch_load,
    undecidable,
    yaml_load,
)
from .source import Source
from .tree import Decline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codefactory.analyzers.document import Snapshot
    from codefactory.analyzers.finding import Finding

    from .fixer import Fixer

FIXERS: tuple[Fixer, ...] = (
    *assert_statement.FIXERS,
    *bidirectional_text.FIXERS,
    *defused_xml.FIXERS,
    *django_sql.FIXERS,
    *flask_debug.FIXERS,
    *hashes.FIXERS,
    *host_keys.FIXERS,
    *html_markup.FIXERS,
    *http_clients.FIXERS,
    *jinja_autoescape.FIXERS,
    *key_sizes.FIXERS,
    *literal_eval.FIXERS,
    *network_interfaces.FIXERS,
    *passwords.FIXERS,
    *permissions.FIXERS,
    *pycrypto.FIXERS,
    *random_values.FIXERS,
    *shell_command.FIXERS,
    *sql_query.FIXERS,
    *swallowed_exception.FIXERS,
    *tar_extraction.FIXERS,
    *temporary_files.FIXERS,
    *tls.FIXERS,
    *torch_load.FIXERS,
    *undecidable.FIXERS,
    *yaml_load.FIXERS,
)


def outcomes(snapshot: Snapshot, findings: Sequence[Finding]) -> tuple[Outcome, ...]:
    """One outcome per finding, in order."""
    source = _OnDemand(snapshot)
    return tuple(_outcome(source, finding) for finding in findings)


def bandit_code(finding: Finding) -> str | None:
    """The bandit id of a finding: ruff's S506 is bandit's B506. None for other tools and rules."""
    if finding.tool == "bandit":
        return finding.code
    if finding.tool == "ruff" and finding.code[0] == "S" and finding.code[1:].isdigit():
        return f"B{finding.code[1:]}"
    return None


@dataclass(slots=True)
class _OnDemand:
    """Parses when the first fixer asks: most findings have none."""

    snapshot: Snapshot
    source: Source | Decline | None = None

    def get(self) -> Source:
        if self.source is None:
            try:
                self.source = Source(self.snapshot)
            except Decline as declined:
                self.source = declined
        if isinstance(self.source, Decline):
            raise self.source
        return self.source


def _outcome(source: _OnDemand, finding: Finding) -> Outcome:
    fixes = [finding.fix] if finding.fix else []
    declined: list[str] = []
    code = bandit_code(finding)
    for fixer in FIXERS:
        if code not in fixer.codes:
            continue
        try:
            fixes += fixer.fix(source.get(), finding)
        except Decline as reason:
            declined.append(f"{fixer.name}: {reason}")
    return Outcome(finding.fingerprint, tuple(fixes), tuple(declined))
