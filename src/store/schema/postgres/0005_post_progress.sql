-- How far uploads are, for people who look at them. Only the latest counts, and losing it harms
-- nobody.
CREATE UNLOGGED TABLE post_progress (
    out_post bigint PRIMARY KEY,
    out_attempt integer NOT NULL,
    out_bytes bigint NOT NULL,
    out_a_second bigint NOT NULL, -- bytes; 0: not known yet
    out_us bigint NOT NULL
);
