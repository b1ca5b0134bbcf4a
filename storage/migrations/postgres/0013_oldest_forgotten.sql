CREATE INDEX oldest_forgotten ON forgotten_messages (forgotten_at);  -- for the clean-up at the end of each turn
