-- How far uploads are, for people who look at them. Only the latest counts, and losing it harms
-- nobody.
CREATE TABLE post_progress (
    out_post INTEGER PRIMARY KEY,
    out_attempt INTEGER NOT NULL,
    out_bytes INTEGER NOT NULL,
    out_a_second INTEGER NOT NULL, -- bytes; 0: not known yet
    out_us INTEGER NOT NULL
);
