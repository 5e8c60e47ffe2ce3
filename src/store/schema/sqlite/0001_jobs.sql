-- The queue. The reasons for what is here and what is not stand in src/store/store.h.

-- Where it stands as a whole: one row.
CREATE TABLE queue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    last_job INTEGER NOT NULL DEFAULT 0,
    last_event INTEGER NOT NULL DEFAULT 0,
    trimmed_event INTEGER NOT NULL DEFAULT 0,
    paused INTEGER NOT NULL DEFAULT 0
);
INSERT INTO queue (id) VALUES (1);

-- A worker lives as long as its row does and alive_until_us is not over.
CREATE TABLE worker (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    started_us INTEGER NOT NULL,
    alive_until_us INTEGER NOT NULL
);

CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    state INTEGER NOT NULL,
    level INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    attempts_left INTEGER NOT NULL,
    attempts_max INTEGER NOT NULL,
    stop INTEGER NOT NULL DEFAULT 0,
    worker INTEGER,
    held_until_us INTEGER,
    submitted_us INTEGER NOT NULL,
    waiting_us INTEGER NOT NULL,
    claimed_us INTEGER,
    finished_us INTEGER,
    memory_bytes INTEGER NOT NULL,
    key TEXT,
    owner TEXT NOT NULL
);
-- What never changes stands apart: each claim and each finish writes its job's row anew.
CREATE TABLE job_spec (
    job INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    options TEXT NOT NULL
);
-- Every index costs each claim and each finish; only the first is ever large.
CREATE INDEX job_claimable ON job (level DESC, tag, id) WHERE state = 0 AND held_until_us IS NULL;
CREATE INDEX job_held ON job (held_until_us) WHERE state = 0 AND held_until_us IS NOT NULL;
CREATE INDEX job_leased ON job (worker) WHERE state = 1;
CREATE UNIQUE INDEX job_key ON job (key) WHERE key IS NOT NULL AND state IN (0, 1, 2);

-- Fair share: the tag that the owner's next job of the level has at least.
CREATE TABLE share (
    level INTEGER NOT NULL,
    owner TEXT NOT NULL,
    tag INTEGER NOT NULL,
    PRIMARY KEY (level, owner)
) WITHOUT ROWID;

CREATE TABLE reason (
    job INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    status TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;

-- A row is a block of `count` events: ids last_id - count + 1 to last_id, for `jobs` in order.
CREATE TABLE event (
    last_id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    jobs TEXT NOT NULL,
    detail TEXT
);

CREATE TABLE step (
    job INTEGER NOT NULL,
    name TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job, name)
) WITHOUT ROWID;

CREATE TABLE progress (
    job INTEGER PRIMARY KEY,
    at_us INTEGER NOT NULL,
    data TEXT NOT NULL
);
