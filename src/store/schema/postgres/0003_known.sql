-- Whether a video was added before, whatever became of it. Costs only those that ended badly.
CREATE INDEX job_ended_key ON job (key) WHERE key IS NOT NULL AND standing = 3;
