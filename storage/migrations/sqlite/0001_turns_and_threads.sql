CREATE TABLE turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT,   -- order of acceptance
    conversation TEXT NOT NULL,
    message_id TEXT NOT NULL,                   -- unique within its conversation: a second delivery collides
    payload TEXT NOT NULL,                      -- the message; emptied when done
    tries INTEGER NOT NULL DEFAULT 0,           -- how often it was begun
    accepted_at REAL NOT NULL,                  -- unix seconds
    done_at REAL,
    UNIQUE (conversation, message_id)
);
CREATE INDEX unfinished_turns ON turns (number) WHERE done_at IS NULL;
CREATE INDEX done_turns ON turns (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE steps (
    turn INTEGER NOT NULL,
    name TEXT NOT NULL,
    result TEXT NOT NULL,                       -- JSON
    PRIMARY KEY (turn, name)
) WITHOUT ROWID;
CREATE TABLE threads (
    conversation TEXT NOT NULL,
    backend TEXT NOT NULL,                      -- whose thread: another backend does not know it
    thread TEXT NOT NULL,
    PRIMARY KEY (conversation, backend)
) WITHOUT ROWID;
