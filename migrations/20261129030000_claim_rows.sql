-- Claims in the order in which they are written: each goes to the end, so that many fit into one page. Where a key's row is, the
-- relay knows in memory: see src/journal/claim_index.rs. The columns are those that claims had before.
ALTER TABLE claims RENAME TO older_claims;
CREATE TABLE claims (
    id            INTEGER PRIMARY KEY,       -- ascends; a claim that changes is written anew
    key           BLOB    NOT NULL,          -- 16 bytes
    at            INTEGER NOT NULL,          -- ms since 1970, UTC
    invitation    INTEGER NOT NULL,
    memory        BLOB
) STRICT;
-- Digests of the keys of as many rows of `claims` as one row here has room for, in the order of their ids: what the relay reads
-- at its start. Rows behind the last of them are few, and read themselves.
CREATE TABLE claim_digests (
    first         INTEGER PRIMARY KEY,       -- the id of the first
    digests       BLOB    NOT NULL           -- 4 bytes each
) STRICT;
