-- Of which invitation this one is a part: that to a relay address which stands for several people. Read by ids behind the
-- parent's alone, so it has no index.
ALTER TABLE pending ADD COLUMN parent INTEGER;
ALTER TABLE history ADD COLUMN parent INTEGER;
-- The message that a direct invitation to a relay address came in: the full JID of its sender and, on a second line, its
-- id. Gone when the row settles.
ALTER TABLE pending ADD COLUMN origin TEXT;
