ALTER TABLE threads ADD COLUMN state text NOT NULL DEFAULT '';  -- what a backend keeps with a thread; it alone reads it
CREATE INDEX threads_by_id ON threads (thread);
