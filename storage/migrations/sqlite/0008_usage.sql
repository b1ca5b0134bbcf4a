CREATE TABLE usage (                            -- of turns that asked the assistant and have ended, for 35 days
    turn INTEGER PRIMARY KEY,                   -- its number
    tenant TEXT NOT NULL,
    person TEXT NOT NULL,                       -- object id in the directory, else the channel's id
    ended_at REAL NOT NULL,                     -- unix seconds
    input_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,             -- of the input
    output_tokens INTEGER NOT NULL,
    reasoning_tokens INTEGER NOT NULL,          -- of the output
    code_runs INTEGER NOT NULL
);
CREATE INDEX usage_of_people ON usage (tenant, person, ended_at);
CREATE INDEX oldest_usage ON usage (ended_at);
