CREATE TABLE usage (                            -- of turns that asked the assistant and have ended, for 35 days
    turn bigint PRIMARY KEY,                    -- its number
    tenant text NOT NULL,
    person text NOT NULL,                       -- object id in the directory, else the channel's id
    ended_at timestamptz NOT NULL DEFAULT now(),
    input_tokens bigint NOT NULL,
    cached_tokens bigint NOT NULL,              -- of the input
    output_tokens bigint NOT NULL,
    reasoning_tokens bigint NOT NULL,           -- of the output
    code_runs bigint NOT NULL
);
CREATE INDEX usage_of_people ON usage (tenant, person, ended_at);
CREATE INDEX oldest_usage ON usage (ended_at);
