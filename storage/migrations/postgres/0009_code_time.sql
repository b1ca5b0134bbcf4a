ALTER TABLE usage ADD COLUMN code_ms bigint NOT NULL DEFAULT 0;  -- for which code ran
