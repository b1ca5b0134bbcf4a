ALTER TABLE belongings ADD COLUMN link text NOT NULL DEFAULT ''; -- where people open their own file, if that is known
