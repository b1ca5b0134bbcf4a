ALTER TABLE messages RENAME COLUMN tries TO attempts;
ALTER TABLE messages RENAME COLUMN begun_at TO started_at;
ALTER TABLE turns RENAME COLUMN tries TO attempts;
ALTER TABLE turns RENAME COLUMN begun_at TO started_at;
ALTER TABLE turns ADD COLUMN uncounted_attempts integer NOT NULL DEFAULT 0; -- of the attempts: they say nothing against the turn
UPDATE turns SET uncounted_attempts = result::integer FROM steps WHERE turn = number AND name = 'let go of';
DELETE FROM steps WHERE name = 'let go of';
UPDATE messages SET steps = (
    SELECT coalesce(json_agg(step ORDER BY place), '[]')
    FROM json_array_elements(steps) WITH ORDINALITY AS done (step, place) WHERE step ->> 0 <> 'let go of'
) WHERE steps::text LIKE '%"let go of"%';
