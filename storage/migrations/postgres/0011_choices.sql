CREATE TABLE choices (                          -- which assistant a conversation chose, by its name in assistants.toml
    conversation text PRIMARY KEY,
    assistant text NOT NULL
);
