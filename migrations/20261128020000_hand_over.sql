-- The IQ that a hand-over came in: the full JID of its sender and, on a second line, its id. After a crash the sender is
-- asked what became of it. Gone when the row settles.
ALTER TABLE pending ADD COLUMN hand_over TEXT;
