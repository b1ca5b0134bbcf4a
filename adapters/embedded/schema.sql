-- Every object of the API is one row: what is stored is what is sent. The order of a list is the order of creation.
CREATE TABLE IF NOT EXISTS objects (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    id        TEXT NOT NULL UNIQUE,
    kind      TEXT NOT NULL,
    body      TEXT NOT NULL,
    thread_id TEXT GENERATED ALWAYS AS (json_extract(body, '$.thread_id')) VIRTUAL,
    run_id    TEXT GENERATED ALWAYS AS (json_extract(body, '$.run_id')) VIRTUAL,
    status    TEXT GENERATED ALWAYS AS (json_extract(body, '$.status')) VIRTUAL,
    purpose   TEXT GENERATED ALWAYS AS (json_extract(body, '$.purpose')) VIRTUAL,
    has_file  TEXT GENERATED ALWAYS AS (CASE WHEN instr(body, '"file_id"') THEN 'yes' END) VIRTUAL
) STRICT;

CREATE INDEX IF NOT EXISTS objects_in_thread ON objects (kind, thread_id, seq);
CREATE INDEX IF NOT EXISTS objects_of_run ON objects (kind, run_id, seq);
CREATE INDEX IF NOT EXISTS objects_of_kind ON objects (kind, seq);

-- What code made, beyond what the API shows of it.
CREATE TABLE IF NOT EXISTS products (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id   TEXT NOT NULL UNIQUE,
    thread_id TEXT NOT NULL,
    run_id    TEXT NOT NULL,
    call_id   TEXT NOT NULL,
    filename  TEXT NOT NULL,
    in_folder INTEGER NOT NULL,  -- 1: it lies in /mnt/data under its name; 0: a figure that was only shown
    picture   INTEGER NOT NULL,  -- 1: shown inline
    alt_text  TEXT NOT NULL,     -- of a figure
    sha256    TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS products_in_thread ON products (thread_id, seq);

-- What the model said in a step, as its endpoint sent it; `sender` is the one that may get it back.
CREATE TABLE IF NOT EXISTS originals (
    step_id   TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    sender    TEXT NOT NULL,
    fields    TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS originals_in_thread ON originals (thread_id);

-- How often work on a run was taken up again after its process had died; `-1` more for each orderly stop.
CREATE TABLE IF NOT EXISTS restarts (
    run_id    TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    count     INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS restarts_in_thread ON restarts (thread_id);

-- Code that was handed to where it may outlive this process, by the number under which its result is found there.
CREATE TABLE IF NOT EXISTS executions (
    call_id   TEXT PRIMARY KEY,
    thread_id TEXT NOT NULL,
    number    INTEGER NOT NULL,
    at        INTEGER NOT NULL  -- unix seconds
) STRICT;

CREATE INDEX IF NOT EXISTS executions_in_thread ON executions (thread_id);

-- Uploads that are not kept for ever; `at` is in unix seconds.
CREATE TABLE IF NOT EXISTS expiries (
    file_id TEXT PRIMARY KEY,
    at      INTEGER NOT NULL
) STRICT;
