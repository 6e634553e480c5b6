"""The tables of the runservice; private to its store.

Rows point to a run by its sequence, a number that grows with every run created: new rows then stand
together on disk however many there are. What a list shows of a run is in narrow columns; its plan and
the states of its tasks are elsewhere.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from tidemill.kit.db import BytewiseText, Instant, RowNumber

metadata = MetaData()

#: Conditions of the partial indexes; questions repeat them word for word so that they are used.
IS_OPEN = text("phase IN ('queued', 'running')")
#: Spelt so that SQLite cannot take the index of all that is open instead.
IS_CONTENDING = text("concurrency IS NOT NULL AND phase NOT IN ('setuperror', 'cancelled', 'finished')")
IS_QUEUED = text("phase = 'queued'")
IS_GROWING = text("put_away_at IS NULL")
IS_TIMED = text("wake_at IS NOT NULL")
IS_KEPT = text("put_away_at IS NOT NULL AND deleted_at IS NULL")
IS_UNEXPIRED = text("expired_at IS NULL")

#: The last number given in each counter group; the run sequence is counted under the empty path.
counters = Table(
    "counters",
    metadata,
    Column("path", BytewiseText, primary_key=True),
    Column("last", BigInteger, nullable=False),
)

#: A group's token changes whenever a run of it starts or ends.
groups = Table(
    "groups",
    metadata,
    Column("path", BytewiseText, primary_key=True),
    Column("token", BigInteger, nullable=False),
)

#: Which runs were created for an idempotency key.
creations = Table(
    "creations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run_ids", LargeBinary, nullable=False),
    Column("created_at", Instant, nullable=False, server_default="0", index=True),
)

plans = Table(
    "plans",
    metadata,
    Column("id", Text, primary_key=True),
    Column("plan", LargeBinary, nullable=False),
)

runs = Table(
    "runs",
    metadata,
    Column("sequence", RowNumber, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("group_path", BytewiseText, nullable=False),
    Column("counter_path", BytewiseText, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("phase", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("stopping", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("plan_id", Text, ForeignKey("plans.id")),
    Column("scope", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    # The tasks that wait for an approval, empty for nearly every run; a list shows them.
    Column("waiting", LargeBinary),
    Column("annotations", LargeBinary, nullable=False),
    Column("setup_errors", LargeBinary),
    # When something follows from the time alone; null for nearly every run.
    Column("wake_at", Instant),
    Column("deadline", Instant),
    # The concurrency group within the counter group, and what the run does to those before it.
    Column("concurrency", Text),
    Column("superseded", Text),
    # Failures that are ignored; lists of runs show the count without reading tasks.
    Column("warnings", Integer, nullable=False, server_default="0"),
    # The number of the run that it does again, if it does.
    Column("restarted_from", BigInteger),
    UniqueConstraint("counter_path", "number"),
    CheckConstraint("phase IN ('setuperror', 'queued', 'cancelled', 'running', 'finished')"),
    CheckConstraint("result IN ('unknown', 'stopped', 'success', 'failed')"),
    Index("runs_of_group", "group_path", "number"),
    Index("runs_by_state", "counter_path", "phase", "result", "number"),
    Index("runs_open", "phase", "group_path", "sequence", sqlite_where=IS_OPEN, postgresql_where=IS_OPEN),
    Index(
        "runs_contending",
        "counter_path",
        "concurrency",
        "sequence",
        sqlite_where=IS_CONTENDING,
        postgresql_where=IS_CONTENDING,
    ),
    Index("runs_queued", "group_path", "sequence", sqlite_where=IS_QUEUED, postgresql_where=IS_QUEUED),
    Index("runs_timed", "wake_at", sqlite_where=IS_TIMED, postgresql_where=IS_TIMED),
    Index("runs_of_plan", "plan_id"),
)

tasks = Table(
    "tasks",
    metadata,
    Column("run", BigInteger, ForeignKey("runs.sequence"), primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    # Not unique: a restart keeps the tasks that succeeded, with their ids and so with their logs.
    Column("id", Text, nullable=False, index=True),
    Column("state", LargeBinary, nullable=False),
)

executors = Table(
    "executors",
    metadata,
    Column("id", Text, primary_key=True),
    Column("info", LargeBinary, nullable=False),
    Column("seen_at", Instant, nullable=False),
    # Of the last sync that changed anything; an older one that arrives later is refused.
    Column("sequence", BigInteger, nullable=False),
    # For people; its id where it gives itself none.
    Column("name", BytewiseText, nullable=False, server_default=""),
    # What people want of it: to work, or to take nothing new; who said so, why and when.
    Column("wanted", Text, nullable=False, server_default="work"),
    Column("wanted_by", Text, nullable=False, server_default=""),
    Column("wanted_why", Text, nullable=False, server_default=""),
    Column("wanted_at", Instant),
    Index("executors_by_name", "name", "id"),
    Index("ix_executors_seen_at", "seen_at"),
)

#: What jobs ask of executors, each once; a queue of many jobs has few of them.
demands = Table(
    "demands",
    metadata,
    Column("id", RowNumber, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("demand", LargeBinary, nullable=False),
    # Written down once an hour at most in each process.
    Column("used_at", Instant, nullable=False),
)

#: Live jobs only: one that has ended or is lost has no row. The primary key is the task's id, so that a
#: task can never have two.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run", BigInteger, ForeignKey("runs.sequence"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("phase", Text, nullable=False),
    Column("stop", Boolean, nullable=False),
    Column("executor", Text, ForeignKey("executors.id"), index=True),
    # By these processes of the version before choose; what they must not choose has no runtime here.
    Column("runtime", Text, nullable=False),
    Column("arch", Text, nullable=False),
    # Null until it is completed, when such a process has queued the job.
    Column("demand", BigInteger, ForeignKey("demands.id")),
    Column("queued_at", Instant, nullable=False, server_default="0"),
    CheckConstraint("phase IN ('queued', 'claimed', 'accepted')"),
    CheckConstraint("(phase = 'queued') = (executor IS NULL)"),
    Index(
        "jobs_queued",
        "demand",
        "run",
        "position",
        sqlite_where=IS_QUEUED,
        postgresql_where=IS_QUEUED,
    ),
)

#: The log of a step (-1 is the setup) in one attempt of a task: its bytes are its parts, or one object once
#: put away.
logs = Table(
    "logs",
    metadata,
    Column("task", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("length", BigInteger, nullable=False),
    # Bytes at the end that stand in rows, not yet in an object.
    Column("in_rows", BigInteger, nullable=False),
    # When no byte would ever be added and the log was brought into its last form.
    Column("put_away_at", Instant),
    Column("object", Text),
    Column("blocks", LargeBinary),
    # When its bytes were removed, by hand or because their time was over.
    Column("deleted_at", Instant),
    Index("logs_growing", "task", "attempt", "step", sqlite_where=IS_GROWING, postgresql_where=IS_GROWING),
    Index("logs_kept", "put_away_at", sqlite_where=IS_KEPT, postgresql_where=IS_KEPT),
)

#: Parts of a log follow each other without a gap; each is bytes in its row or an object.
log_parts = Table(
    "log_parts",
    metadata,
    Column("task", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("length", BigInteger, nullable=False),
    Column("object", Text),
    Column("data", LargeBinary),
    # Newlines in it, and when its bytes were printed; null in rows from before either was kept.
    Column("lines", Integer),
    Column("marks", LargeBinary),
    ForeignKeyConstraint(["task", "attempt", "step"], ["logs.task", "logs.attempt", "logs.step"]),
    CheckConstraint("(object IS NULL) <> (data IS NULL)"),
)

#: The archive that a step of a task has kept for the tasks behind it; its id names an object.
workspaces = Table(
    "workspaces",
    metadata,
    Column("task", Text, primary_key=True),
    Column("step", Integer, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # When its object was let go of, some time after the last run that has the task was over.
    Column("expired_at", Instant),
    Index(
        "workspaces_kept",
        "created_at",
        "task",
        sqlite_where=IS_UNEXPIRED,
        postgresql_where=IS_UNEXPIRED,
    ),
)

#: Caches never change: a key that is there stays as it was first saved.
caches = Table(
    "caches",
    metadata,
    Column("group_path", BytewiseText, primary_key=True),
    Column("key", BytewiseText, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("size", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    # Written down once an hour at most.
    Column("used_at", Instant, nullable=False, server_default="0", index=True),
)
