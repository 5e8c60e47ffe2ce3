-- Posts, what they use up of the platforms' limits, and accounts. The reasons stand in
-- src/store/store_posts.h.

-- Claims lock it, so that nobody else counts what an account has at work meanwhile.
CREATE TABLE publishing (
    id smallint PRIMARY KEY CHECK (id = 1)
);
INSERT INTO publishing (id) VALUES (1);

CREATE TABLE post (
    id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    state smallint NOT NULL DEFAULT 0,
    due_us bigint NOT NULL,
    worker bigint, -- NULL: nobody has it
    attempt integer NOT NULL DEFAULT 0,
    tries integer NOT NULL DEFAULT 0,
    stop smallint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL,
    sent_bytes bigint NOT NULL DEFAULT 0,
    job bigint NOT NULL,
    created_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    public_us bigint NOT NULL DEFAULT 0,
    key text NOT NULL,
    owner text NOT NULL,
    platform text NOT NULL,
    account text NOT NULL,
    lane text NOT NULL, -- platform and account: what a claim goes through one by one
    clip text NOT NULL,
    request text NOT NULL,
    memory text NOT NULL DEFAULT '{}',
    remote_id text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    remedy text NOT NULL DEFAULT '',
    -- Whose last change of its kind this was: how it is found again when the answer was lost.
    plan_mark text NOT NULL,
    claim_mark text NOT NULL DEFAULT '',
    save_mark text NOT NULL DEFAULT ''
);
-- What has ended is in none of the first three.
CREATE INDEX post_line ON post (lane, due_us, id) WHERE state <= 2;
CREATE INDEX post_due ON post (due_us) WHERE state <= 2;
CREATE INDEX post_held ON post (lane, worker) WHERE worker IS NOT NULL;
CREATE UNIQUE INDEX post_key ON post (key) WHERE state IN (0, 1, 2, 3, 4, 6);
CREATE INDEX post_job ON post (job);

-- One row for each limit of a platform; account "": of the whole application.
CREATE TABLE quota (
    platform text NOT NULL,
    account text NOT NULL,
    kind text NOT NULL,
    closed_until_us bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (platform, account, kind)
);
CREATE TABLE quota_use (
    post bigint NOT NULL,
    kind text NOT NULL,
    platform text NOT NULL,
    account text NOT NULL,
    amount bigint NOT NULL,
    at_us bigint NOT NULL,
    booked smallint NOT NULL, -- 0: planned for then
    PRIMARY KEY (post, kind)
);
CREATE INDEX quota_use_time ON quota_use (platform, account, kind, booked, at_us);

CREATE TABLE account (
    platform text NOT NULL,
    name text NOT NULL,
    remote_id text NOT NULL,
    service_url text NOT NULL,
    settings text NOT NULL,
    sealed text NOT NULL, -- hexadecimal
    expires_us bigint NOT NULL,
    trouble text NOT NULL,
    version bigint NOT NULL,
    taken_until_us bigint NOT NULL DEFAULT 0,
    take_mark text NOT NULL DEFAULT '',
    change_mark text NOT NULL,
    created_us bigint NOT NULL,
    changed_us bigint NOT NULL,
    PRIMARY KEY (platform, name)
);
