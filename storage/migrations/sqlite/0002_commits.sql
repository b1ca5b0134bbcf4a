CREATE TABLE commits (number INTEGER NOT NULL);     -- one row: how many commits this file holds; see storage/sqlite.py
INSERT INTO commits VALUES (0);
