CREATE TABLE forgotten_messages (               -- for a week, so that a message that comes once more is known after /forget
    digest bytea PRIMARY KEY,                   -- of its conversation and id, which it does not tell
    forgotten_at timestamptz NOT NULL DEFAULT now()
);
