-- How the keys of `claims` are made: 0 for one digest of contact and room, 1 for a digest of each. The relay makes older
-- ones anew when it opens the journal, since SQLite has no such function.
ALTER TABLE journal ADD COLUMN claim_keys INTEGER NOT NULL DEFAULT 0;
