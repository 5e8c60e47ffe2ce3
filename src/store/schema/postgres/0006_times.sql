-- When posts are wanted to be visible: the request said so of some until now. Posts that their
-- platform makes public by itself (state 4) are looked at once more after that: due_us 0: no more.
ALTER TABLE post ADD COLUMN appear_us bigint NOT NULL DEFAULT 0;
UPDATE post SET appear_us = coalesce((request::jsonb ->> 'publish_at_us')::bigint, 0),
    request = (request::jsonb - 'publish_at_us')::text
    WHERE request LIKE '%"publish_at_us"%';
UPDATE post SET due_us = public_us + 60000000 WHERE state = 4;

DROP INDEX post_line;
DROP INDEX post_due;
CREATE INDEX post_line ON post (lane, due_us, id)
    WHERE (state <= 2 OR (state = 4 AND due_us > 0));
CREATE INDEX post_due ON post (due_us) WHERE (state <= 2 OR (state = 4 AND due_us > 0));
-- The slots of an account that are taken.
CREATE INDEX post_appear ON post (lane, appear_us)
    WHERE appear_us > 0 AND state IN (0, 1, 2, 3, 4, 6);
