-- Who was let through to a contact and room, when, and how far their windows have grown: see src/journal/claim_memory.rs. NULL in
-- rows that are older: they stand for one invitation, of nobody knows whom. `at` is the time of the newest.
ALTER TABLE claims ADD COLUMN memory BLOB;
-- The key of the digests of room passwords.
ALTER TABLE journal ADD COLUMN salt BLOB;
UPDATE journal SET salt = randomblob(16);
