CREATE TABLE belongings (                       -- what a conversation has elsewhere: see bot/belongings.py
    number bigint GENERATED ALWAYS AS IDENTITY, -- in the order in which they came
    conversation text NOT NULL,
    kind text NOT NULL,                         -- thread, upload, picture or file
    ref text NOT NULL,                          -- its id at the assistant's service, or its token in the file store
    name text NOT NULL,
    size_bytes bigint NOT NULL,
    PRIMARY KEY (conversation, kind, ref)
);
