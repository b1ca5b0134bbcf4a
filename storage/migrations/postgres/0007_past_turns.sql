CREATE TABLE past_turns (                       -- what was said last, for a thread that is opened later; see bot/history.py
    conversation text NOT NULL,
    number bigint NOT NULL,                    -- of the turn
    said text NOT NULL,                        -- JSON
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (conversation, number)
);
CREATE INDEX oldest_past_turns ON past_turns (at);
