-- The queue. The reasons for what is here and what is not stand in src/store/store.h.

-- Where it stands as a whole: one row, changed by every transaction that has events, and last in
-- it. Room in its page lets old versions go without a vacuum.
CREATE TABLE queue (
    id smallint PRIMARY KEY CHECK (id = 1),
    last_event bigint NOT NULL DEFAULT 0,
    trimmed_event bigint NOT NULL DEFAULT 0,
    paused smallint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO queue (id) VALUES (1);

-- A worker lives as long as its row does and alive_until_us is not over.
CREATE TABLE worker (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    host text NOT NULL,
    pid bigint NOT NULL,
    started_us bigint NOT NULL,
    alive_until_us bigint NOT NULL
);

CREATE SEQUENCE job_id;
CREATE TABLE job (
    id bigint PRIMARY KEY,
    tag bigint NOT NULL,
    worker bigint,
    held_until_us bigint,
    submitted_us bigint NOT NULL,
    waiting_us bigint NOT NULL,
    claimed_us bigint,
    finished_us bigint,
    memory_bytes bigint NOT NULL,
    attempt integer NOT NULL,
    attempts_left integer NOT NULL,
    attempts_max integer NOT NULL,
    state smallint NOT NULL,
    level smallint NOT NULL,
    stop smallint NOT NULL DEFAULT 0,
    key text,
    owner text NOT NULL
);
-- What never changes stands apart: each claim and each finish writes its job's row anew.
CREATE TABLE job_spec (
    job bigint PRIMARY KEY,
    source text NOT NULL,
    options text NOT NULL
);
-- Every index costs each claim and each finish; only the first is ever large.
CREATE INDEX job_claimable ON job (level DESC, tag, id) WHERE state = 0 AND held_until_us IS NULL;
CREATE INDEX job_held ON job (held_until_us) WHERE state = 0 AND held_until_us IS NOT NULL;
CREATE INDEX job_leased ON job (worker) WHERE state = 1;
CREATE UNIQUE INDEX job_key ON job (key) WHERE key IS NOT NULL AND state IN (0, 1, 2);

-- Fair share: the tag that the owner's next job of the level has at least.
CREATE TABLE share (
    level smallint NOT NULL,
    owner text NOT NULL,
    tag bigint NOT NULL,
    PRIMARY KEY (level, owner)
) WITH (fillfactor = 50);

CREATE TABLE reason (
    job bigint NOT NULL,
    attempt integer NOT NULL,
    at_us bigint NOT NULL,
    status text NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (job, attempt)
);

-- A row is a block of `count` events: ids last_id - count + 1 to last_id, for `jobs` in order.
CREATE TABLE event (
    last_id bigint PRIMARY KEY,
    count integer NOT NULL,
    at_us bigint NOT NULL,
    kind smallint NOT NULL,
    jobs text NOT NULL,
    detail text
);

CREATE TABLE step (
    job bigint NOT NULL,
    name text NOT NULL,
    at_us bigint NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (job, name)
);

-- Only the latest counts, and losing it in a crash harms nobody.
CREATE UNLOGGED TABLE progress (
    job bigint PRIMARY KEY,
    at_us bigint NOT NULL,
    data text NOT NULL
);
