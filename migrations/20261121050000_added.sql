-- Whether the contact was made a member for this invitation (or was about to be): written before the room is told, so
-- that the membership can be taken back when the invitation comes back, however late.
ALTER TABLE pending ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE history ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
