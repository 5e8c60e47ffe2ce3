-- How much room a worker has, for people who ask why a job waits. running_most 0: it takes nothing
-- from the queue.
ALTER TABLE worker ADD COLUMN running BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN running_most BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_used BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_most BIGINT NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_next BIGINT NOT NULL DEFAULT 0;
