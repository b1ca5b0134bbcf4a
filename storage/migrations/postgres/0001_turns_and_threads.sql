CREATE SCHEMA IF NOT EXISTS teamsbot;           -- the first name in every session's search_path
CREATE TABLE schema_version (number integer NOT NULL);
INSERT INTO schema_version VALUES (0);
CREATE SEQUENCE turn_numbers;
CREATE TABLE messages (                         -- what was accepted in the last week, to know it when it comes again
    number bigint PRIMARY KEY,                  -- of its turn: order of acceptance * 64 + partition of the conversation
    conversation text NOT NULL,
    message_id text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (conversation, message_id)           -- a second delivery collides
);
CREATE INDEX oldest_messages ON messages (accepted_at);
CREATE TABLE turns (                            -- those not done: a small table, whatever was done before
    number bigint PRIMARY KEY,
    conversation text NOT NULL,
    message_id text NOT NULL,
    payload text NOT NULL,                      -- the message
    tries integer NOT NULL DEFAULT 0            -- how often it was begun
);
CREATE TABLE steps (                            -- of those turns
    turn bigint NOT NULL,
    name text NOT NULL,
    result text NOT NULL,                       -- JSON
    PRIMARY KEY (turn, name)
);
CREATE TABLE threads (
    conversation text NOT NULL,
    backend text NOT NULL,                      -- whose thread: another backend does not know it
    thread text NOT NULL,
    PRIMARY KEY (conversation, backend)
);
