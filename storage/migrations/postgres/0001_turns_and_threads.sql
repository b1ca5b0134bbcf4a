CREATE SCHEMA IF NOT EXISTS teamsbot;           -- the first name in every session's search_path
CREATE TABLE schema_version (number integer NOT NULL);
INSERT INTO schema_version VALUES (0);
CREATE SEQUENCE turn_numbers;
CREATE TABLE messages (                         -- of the last week, to know one that comes again and to explain its turn
    number bigint PRIMARY KEY,                  -- of its turn: order of acceptance * 64 + partition of the conversation
    conversation text NOT NULL,
    message_id text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    tries integer NOT NULL DEFAULT 0,           -- this and the following are known when the turn is done
    begun_at timestamptz,                       -- the last time
    done_at timestamptz,
    outcome text,                               -- how it ended, in a word; see bot/timeline.py
    steps json NOT NULL DEFAULT '[]',           -- [name, unix seconds when it was done]
    UNIQUE (conversation, message_id)           -- a second delivery collides
) WITH (fillfactor = 80);                       -- room for what is known later, without another row in the indexes
CREATE INDEX oldest_messages ON messages (accepted_at);
CREATE TABLE turns (                            -- those not done: a small table, whatever was done before
    number bigint PRIMARY KEY,
    conversation text NOT NULL,
    message_id text NOT NULL,
    payload text NOT NULL,                      -- the message
    tries integer NOT NULL DEFAULT 0,           -- how often it was begun
    begun_at timestamptz                        -- the last time
);
CREATE TABLE steps (                            -- of those turns
    turn bigint NOT NULL,
    name text NOT NULL,
    result text NOT NULL,                       -- JSON
    done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (turn, name)
);
CREATE TABLE threads (
    conversation text NOT NULL,
    backend text NOT NULL,                      -- whose thread: another backend does not know it
    thread text NOT NULL,
    PRIMARY KEY (conversation, backend)
);
