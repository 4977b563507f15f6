-- Until when all invitations that had ended were looked at once more, for relay addresses on member lists: ms since 1970, UTC.
ALTER TABLE journal ADD COLUMN looked INTEGER NOT NULL DEFAULT 0;
