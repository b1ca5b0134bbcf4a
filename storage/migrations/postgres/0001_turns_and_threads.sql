CREATE SCHEMA IF NOT EXISTS teamsbot;           -- the first name in every session's search_path
CREATE TABLE schema_version (number integer NOT NULL);
INSERT INTO schema_version VALUES (0);
CREATE SEQUENCE turn_numbers;
CREATE TABLE turns (
    number bigint PRIMARY KEY,                  -- order of acceptance * 64 + part
    part integer NOT NULL,                      -- of the conversation; whoever holds its lock works on this turn
    conversation text NOT NULL,
    message_id text NOT NULL,                   -- unique within its conversation: a second delivery collides
    payload text NOT NULL,                      -- the message; emptied when done
    tries integer NOT NULL DEFAULT 0,           -- how often it was begun
    accepted_at timestamptz NOT NULL DEFAULT now(),
    done_at timestamptz,
    UNIQUE (conversation, message_id)
);
CREATE INDEX unfinished_turns ON turns (part, number) WHERE done_at IS NULL;
CREATE INDEX done_turns ON turns (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE steps (
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
