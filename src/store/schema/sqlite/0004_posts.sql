-- Posts, what they use up of the platforms' limits, and accounts. The reasons stand in
-- src/store/store_posts.h.

CREATE TABLE post (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state INTEGER NOT NULL DEFAULT 0,
    due_us INTEGER NOT NULL,
    worker INTEGER, -- NULL: nobody has it
    attempt INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    stop INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL,
    sent_bytes INTEGER NOT NULL DEFAULT 0,
    job INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    public_us INTEGER NOT NULL DEFAULT 0,
    key TEXT NOT NULL,
    owner TEXT NOT NULL,
    platform TEXT NOT NULL,
    account TEXT NOT NULL,
    lane TEXT NOT NULL, -- platform and account: what a claim goes through one by one
    clip TEXT NOT NULL,
    request TEXT NOT NULL,
    memory TEXT NOT NULL DEFAULT '{}',
    remote_id TEXT NOT NULL DEFAULT '',
    url TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    remedy TEXT NOT NULL DEFAULT '',
    -- Whose last change of its kind this was: how it is found again when the answer was lost.
    plan_mark TEXT NOT NULL,
    claim_mark TEXT NOT NULL DEFAULT '',
    save_mark TEXT NOT NULL DEFAULT ''
);
-- What has ended is in none of the first three.
CREATE INDEX post_line ON post (lane, due_us, id) WHERE state <= 2;
CREATE INDEX post_due ON post (due_us) WHERE state <= 2;
CREATE INDEX post_held ON post (lane, worker) WHERE worker IS NOT NULL;
CREATE UNIQUE INDEX post_key ON post (key) WHERE state IN (0, 1, 2, 3, 4, 6);
CREATE INDEX post_job ON post (job);

-- One row for each limit of a platform; account "": of the whole application.
CREATE TABLE quota (
    platform TEXT NOT NULL,
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    closed_until_us INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, account, kind)
) WITHOUT ROWID;
CREATE TABLE quota_use (
    post INTEGER NOT NULL,
    kind TEXT NOT NULL,
    platform TEXT NOT NULL,
    account TEXT NOT NULL,
    amount INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    booked INTEGER NOT NULL, -- 0: planned for then
    PRIMARY KEY (post, kind)
) WITHOUT ROWID;
CREATE INDEX quota_use_time ON quota_use (platform, account, kind, booked, at_us);

CREATE TABLE account (
    platform TEXT NOT NULL,
    name TEXT NOT NULL,
    remote_id TEXT NOT NULL,
    service_url TEXT NOT NULL,
    settings TEXT NOT NULL,
    sealed TEXT NOT NULL, -- hexadecimal
    expires_us INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    version INTEGER NOT NULL,
    taken_until_us INTEGER NOT NULL DEFAULT 0,
    take_mark TEXT NOT NULL DEFAULT '',
    change_mark TEXT NOT NULL,
    created_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL,
    PRIMARY KEY (platform, name)
);
