CREATE TABLE past_turns (                       -- what was said last, for a thread that is opened later; see bot/history.py
    conversation TEXT NOT NULL,
    number INTEGER NOT NULL,                    -- of the turn
    said TEXT NOT NULL,                        -- JSON
    at REAL NOT NULL,                          -- unix seconds
    PRIMARY KEY (conversation, number)
) WITHOUT ROWID;
CREATE INDEX oldest_past_turns ON past_turns (at);
