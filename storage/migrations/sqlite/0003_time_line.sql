ALTER TABLE turns ADD COLUMN begun_at REAL;         -- the last time; unix seconds
ALTER TABLE turns ADD COLUMN outcome TEXT;          -- how it ended, in a word; see bot/timeline.py
ALTER TABLE steps ADD COLUMN done_at REAL;          -- unix seconds; the result is emptied when the turn is done
