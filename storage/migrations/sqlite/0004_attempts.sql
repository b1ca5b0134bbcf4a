ALTER TABLE turns RENAME COLUMN tries TO attempts;
ALTER TABLE turns RENAME COLUMN begun_at TO started_at;
ALTER TABLE turns ADD COLUMN uncounted_attempts INTEGER NOT NULL DEFAULT 0; -- of the attempts: they say nothing against the turn
UPDATE turns SET uncounted_attempts = (SELECT CAST(result AS INTEGER) FROM steps WHERE turn = number AND name = 'let go of')
WHERE number IN (SELECT turn FROM steps WHERE name = 'let go of');
DELETE FROM steps WHERE name = 'let go of';
