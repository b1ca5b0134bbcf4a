ALTER TABLE turns ADD COLUMN hears_signals boolean NOT NULL DEFAULT true; -- whether a /stop may be meant for it
