"""The ledger's tables."""

from __future__ import annotations

from codefactory.pipelines.store.database import Schema

APPLICATION_ID = 0x4346414C
"""In the file's header: "CFAL"."""

MIGRATIONS = (
    """
    create table call (
        n integer primary key, at real not null, day text not null, workspace text not null, run text not null,
        role text not null, model text not null, state text not null, expires_at real not null,
        reserved_tokens integer not null, reserved_usd real,
        input_tokens integer, output_tokens integer, cached_tokens integer, cost_usd real, duration_s real,
        unreported integer not null default 0
    );
    create index call_by_day on call (day);
    create index call_by_workspace on call (workspace);
    create index call_open on call (expires_at) where state = 'open';
    create table trial (
        n integer primary key, at real not null, role text not null, model text not null, result text not null,
        round integer not null, tokens integer, cost_usd real, duration_s real not null
    );
    create index trial_by_role on trial (role, model);
    """,
)

LEDGER = Schema("ledger", APPLICATION_ID, MIGRATIONS)
