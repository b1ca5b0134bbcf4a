CREATE TABLE choices (                          -- which assistant a conversation chose, by its name in assistants.toml
    conversation TEXT PRIMARY KEY,
    assistant TEXT NOT NULL
) WITHOUT ROWID;
