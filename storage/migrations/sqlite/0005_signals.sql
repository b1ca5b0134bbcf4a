ALTER TABLE turns ADD COLUMN hears_signals INTEGER NOT NULL DEFAULT 1; -- whether a /stop may be meant for it
