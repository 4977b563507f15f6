-- What clients can do that have this hash (XEP-0115), as far as it was asked and the hash was that of the answer.
CREATE TABLE hashes (
    hash          TEXT    PRIMARY KEY,       -- algorithm and hash: 'sha-1 QgayPKawpkPSDYmwT/WM94uAlu0='
    shows_direct  INTEGER NOT NULL,          -- they show direct invitations
    at            INTEGER NOT NULL           -- ms since 1970, UTC: seen last, to the day
) STRICT, WITHOUT ROWID;
