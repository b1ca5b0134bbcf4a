CREATE TABLE belongings (                           -- what a conversation has elsewhere: see bot/belongings.py
    conversation TEXT NOT NULL,
    kind TEXT NOT NULL,                             -- thread, upload, picture or file
    ref TEXT NOT NULL,                              -- its id at the assistant's service, or its token in the file store
    name TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    added_at REAL NOT NULL,                         -- unix seconds
    PRIMARY KEY (conversation, kind, ref)
);
