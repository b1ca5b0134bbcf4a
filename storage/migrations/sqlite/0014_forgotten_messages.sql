CREATE TABLE forgotten_messages (               -- for a week, so that a message that comes once more is known after /forget
    digest BLOB PRIMARY KEY,                    -- of its conversation and id, which it does not tell
    forgotten_at REAL NOT NULL                  -- unix seconds
) WITHOUT ROWID;
