ALTER TABLE usage ADD COLUMN code_ms INTEGER NOT NULL DEFAULT 0;  -- for which code ran
