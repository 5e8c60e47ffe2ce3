-- The queue. The reasons for what is here and what is not stand in src/store/store.h.

-- Where it stands as a whole: one row, changed by every transaction that has events, and last in
-- it. Room in its page lets old versions go without a vacuum.
CREATE TABLE queue (
    id smallint PRIMARY KEY CHECK (id = 1),
    last_event bigint NOT NULL DEFAULT 0,
    trimmed_event bigint NOT NULL DEFAULT 0,
    placed bigint NOT NULL DEFAULT 0, -- how often jobs were put into the line
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

-- What a claim and a finish change is in no index but through `standing`, and a finish leaves that
-- as it is: so its new row goes beside the old one (HOT, "heap-only tuple") and no index hears of
-- it. For that a page needs room for a second version of its rows.
CREATE SEQUENCE job_id;
CREATE TABLE job (
    id bigint PRIMARY KEY,
    tag bigint NOT NULL,
    submitted_us bigint NOT NULL,
    waiting_us bigint NOT NULL,
    memory_bytes bigint NOT NULL,
    attempt integer NOT NULL,
    attempts_left integer NOT NULL,
    attempts_max integer NOT NULL,
    state smallint NOT NULL,
    level smallint NOT NULL,
    stop smallint NOT NULL DEFAULT 0,
    -- 0: in the line, 1: held for a time, 2: leased or done, 3: failed or cancelled. It follows from
    -- state and held_until_us; every statement that changes them sets it, as a generated column would
    -- be worked out anew for each row.
    standing smallint NOT NULL,
    worker bigint,
    held_until_us bigint,
    claimed_us bigint,
    finished_us bigint,
    key text,
    owner text NOT NULL,
    source text NOT NULL,
    options text NOT NULL
) WITH (fillfactor = 60);
-- Only the first and the last are ever large. The line's order rises in each of its parts, so that a
-- claim can begin at a place in it: before that lie the entries of claimed jobs, until a vacuum.
CREATE INDEX job_claimable ON job ((-level), tag, id) WHERE standing = 0;
CREATE INDEX job_held ON job (held_until_us) WHERE standing = 1;
CREATE UNIQUE INDEX job_key ON job (key) WHERE key IS NOT NULL AND standing <= 2;

-- Which jobs a worker may have, where an index of the leased ones would have to hear of each finish:
-- a row for each claim, which is there at least as long as one of its jobs is leased.
CREATE TABLE lease (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    worker bigint NOT NULL,
    jobs bigint[] NOT NULL
);

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
    jobs bigint[] NOT NULL,
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
