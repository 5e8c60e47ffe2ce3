-- How much room a worker has, for people who ask why a job waits. running_most 0: it takes nothing
-- from the queue.
ALTER TABLE worker ADD COLUMN running INTEGER NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN running_most INTEGER NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_most INTEGER NOT NULL DEFAULT 0;
ALTER TABLE worker ADD COLUMN memory_next INTEGER NOT NULL DEFAULT 0;
