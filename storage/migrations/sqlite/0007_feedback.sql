CREATE TABLE feedback (                             -- what people think of answers; kept until it is forgotten
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    message_id TEXT NOT NULL,                       -- of the bot's message
    person TEXT NOT NULL,                           -- a hash
    turn INTEGER NOT NULL,
    reaction TEXT NOT NULL,                         -- like or dislike
    comment TEXT NOT NULL,
    given_at REAL NOT NULL,                         -- unix seconds
    UNIQUE (conversation, message_id, person)       -- a later opinion takes the place of an earlier one
);
