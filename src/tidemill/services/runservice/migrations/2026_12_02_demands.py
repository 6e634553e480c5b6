"""Jobs refer to what they ask of executors; executors have names, and what is wanted of them.

Processes of the version before go on beside this one: what they queue has no demand until it is completed
(services/runservice/completing.py), and what they must not claim has no runtime that they know.
"""

import hashlib
import time
from typing import Any

import msgspec
import sqlalchemy as sa
from alembic import op

from tidemill.kit.db import BytewiseText, Instant, RowNumber

revision = "2026_12_02_demands"
down_revision = "2026_12_01_log_lines"
branch_labels = None
depends_on = None

IS_QUEUED = sa.text("phase = 'queued'")


def upgrade() -> None:
    """Add the table of demands and columns; the demands of jobs are in the plans of their runs."""
    now = int(time.time() * 1e6)
    op.create_table(
        "demands",
        sa.Column("id", RowNumber, primary_key=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("demand", sa.LargeBinary, nullable=False),
        sa.Column("used_at", Instant, nullable=False),
    )
    # Written out, for SQLite adds a column with a reference in no other way.
    op.execute("ALTER TABLE jobs ADD COLUMN demand BIGINT REFERENCES demands (id)")
    op.add_column("jobs", sa.Column("queued_at", Instant, nullable=False, server_default="0"))
    op.drop_index("jobs_queued", "jobs")
    _fill_jobs(now)
    op.create_index(
        "jobs_queued",
        "jobs",
        ["demand", "run", "position"],
        sqlite_where=IS_QUEUED,
        postgresql_where=IS_QUEUED,
    )
    _executors()


def _fill_jobs(now: int) -> None:
    bind = op.get_bind()
    found = bind.execute(
        sa.text(
            "SELECT jobs.id, jobs.position, jobs.runtime, jobs.arch, runs.plan_id"
            " FROM jobs JOIN runs ON runs.sequence = jobs.run ORDER BY runs.plan_id"
        )
    ).all()
    plan_id: str | None = None
    tasks: list[dict[str, Any]] = []
    for job in found:
        if job.plan_id != plan_id:
            plan_id = job.plan_id
            plan = bind.execute(sa.text("SELECT plan FROM plans WHERE id = :id"), {"id": plan_id}).scalar()
            tasks = msgspec.json.decode(plan)["tasks"] if plan else []
        runtime = tasks[job.position].get("runtime", {}) if job.position < len(tasks) else {}
        bind.execute(
            sa.text("UPDATE jobs SET demand = :demand, queued_at = :now WHERE id = :id"),
            {"id": job.id, "demand": _demand(bind, job, runtime, now), "now": now},
        )


def _demand(bind: sa.Connection, job: sa.Row[tuple[str, ...]], runtime: dict[str, object], now: int) -> int:
    """The id of what a job asks for; the table is filled with what is new."""
    containers = runtime.get("containers") or []
    resources = runtime.get("resources") or {}
    assert isinstance(containers, list)
    assert isinstance(resources, dict)
    demand = msgspec.json.encode(
        {
            "runtime": job.runtime,
            "arch": job.arch,
            "labels": runtime.get("labels") or {},
            "privileged": any(container.get("privileged") for container in containers),
            "resources": {"cpu": resources.get("cpu"), "memory": resources.get("memory")},
        },
        order="deterministic",
    )
    digest = hashlib.sha256(demand).hexdigest()
    by_digest = sa.text("SELECT id FROM demands WHERE digest = :digest")
    found: int | None = bind.execute(by_digest, {"digest": digest}).scalar()
    if found is None:
        bind.execute(
            sa.text("INSERT INTO demands (digest, demand, used_at) VALUES (:digest, :demand, :now)"),
            {"digest": digest, "demand": demand, "now": now},
        )
        found = bind.execute(by_digest, {"digest": digest}).scalar_one()
    return found


def _executors() -> None:
    op.add_column("executors", sa.Column("name", BytewiseText, nullable=False, server_default=""))
    op.add_column("executors", sa.Column("wanted", sa.Text, nullable=False, server_default="work"))
    op.add_column("executors", sa.Column("wanted_by", sa.Text, nullable=False, server_default=""))
    op.add_column("executors", sa.Column("wanted_why", sa.Text, nullable=False, server_default=""))
    op.add_column("executors", sa.Column("wanted_at", Instant))
    op.create_index("executors_by_name", "executors", ["name", "id"])
    op.create_index("ix_executors_seen_at", "executors", ["seen_at"])
    bind = op.get_bind()
    for row in bind.execute(sa.text("SELECT id, info FROM executors")).all():
        name = msgspec.json.decode(row.info).get("name", "") or row.id
        bind.execute(
            sa.text("UPDATE executors SET name = :name WHERE id = :id"), {"name": name, "id": row.id}
        )
