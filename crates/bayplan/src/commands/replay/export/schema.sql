-- What a slice of the log looks like in SQL. Times are milliseconds since 1970 (..._ms) or ISO 8601 in UTC (at); cpus and gpus are
-- numbers, mem and disk MB. Ids are written as everywhere: S0 an agent, F1 a framework (F0 keeps apps running), O7 an offer.
-- A number of a record is NULL where it was before the slice, or has not happened in it.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;

-- A command that was carried out.
CREATE TABLE records (
    seq        INTEGER PRIMARY KEY,
    epoch      INTEGER NOT NULL,
    at         TEXT NOT NULL,
    at_ms      INTEGER NOT NULL,
    principal  TEXT NOT NULL,            -- who asked
    command    TEXT NOT NULL,            -- its kind, such as scale_app
    events     INTEGER NOT NULL,         -- how many it led to
    command_id TEXT NOT NULL,
    seed       TEXT NOT NULL,            -- 64 bits, which SQL's integers cannot hold
    state_hash TEXT,
    json       TEXT NOT NULL             -- the command, with its arguments
);

-- What happened.
CREATE TABLE events (
    seq        INTEGER NOT NULL REFERENCES records (seq),
    ordinal    INTEGER NOT NULL,         -- within its record, from 0
    at_ms      INTEGER NOT NULL,
    kind       TEXT NOT NULL,            -- such as task_launched
    task       TEXT,
    app        TEXT,                     -- also that of the task
    agent      TEXT,
    framework  TEXT,
    deployment TEXT,
    json       TEXT NOT NULL,            -- the event as `bayplan events --json` has it
    PRIMARY KEY (seq, ordinal)
) WITHOUT ROWID;

-- Tasks as they are at the end of the slice, and how they came there.
CREATE TABLE tasks (
    id           TEXT PRIMARY KEY,
    app          TEXT,                   -- NULL for tasks of frameworks
    framework    TEXT NOT NULL,
    agent        TEXT NOT NULL,
    hostname     TEXT,
    offer        TEXT NOT NULL,
    cpus         REAL NOT NULL,
    mem          REAL NOT NULL,
    disk         REAL NOT NULL,
    gpus         REAL NOT NULL,
    host_ports   TEXT NOT NULL,          -- a JSON array
    policy       TEXT,                   -- what placed it
    score        INTEGER,
    launched_seq INTEGER,
    launched_ms  INTEGER NOT NULL,
    running_ms   INTEGER,
    ended_seq    INTEGER,
    ended_ms     INTEGER,
    kill_reason  TEXT,                   -- why it was asked to end, if it was
    state        TEXT NOT NULL,          -- TASK_RUNNING and so on
    reason       TEXT,
    message      TEXT,
    exit         TEXT                    -- {"code":1} or {"signal":9}
) WITHOUT ROWID;

-- Apps, with the last definition in the slice.
CREATE TABLE apps (
    id            TEXT PRIMARY KEY,
    changed_seq   INTEGER,
    destroyed_seq INTEGER,
    version_ms    INTEGER NOT NULL,
    instances     INTEGER NOT NULL,
    cpus          REAL NOT NULL,
    mem           REAL NOT NULL,
    disk          REAL NOT NULL,
    gpus          REAL NOT NULL,
    role          TEXT,
    waiting       TEXT,                  -- what holds its missing instances back
    json          TEXT NOT NULL          -- the definition
) WITHOUT ROWID;

CREATE TABLE agents (
    id             TEXT PRIMARY KEY,
    hostname       TEXT NOT NULL,
    registered_seq INTEGER,
    registered_ms  INTEGER NOT NULL,
    removed_seq    INTEGER,
    connected      INTEGER NOT NULL,     -- 0 or 1
    cpus           REAL NOT NULL,
    mem            REAL NOT NULL,
    disk           REAL NOT NULL,
    gpus           REAL NOT NULL,
    attributes     TEXT NOT NULL         -- a JSON object
) WITHOUT ROWID;

CREATE TABLE offers (
    id         TEXT PRIMARY KEY,
    framework  TEXT NOT NULL,
    agent      TEXT NOT NULL,
    made_seq   INTEGER,
    made_ms    INTEGER NOT NULL,
    closed_seq INTEGER,
    closed_ms  INTEGER,
    outcome    TEXT,                     -- accepted, declined, rescinded, expired; NULL while it is open
    cpus       REAL NOT NULL,
    mem        REAL NOT NULL,
    disk       REAL NOT NULL,
    gpus       REAL NOT NULL
) WITHOUT ROWID;
