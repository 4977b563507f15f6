-- Under way: a row from the moment an invitation has been read until it is settled.
-- Small at any time, so that start-up and group commits cost the same whatever `history` has grown to.
-- AUTOINCREMENT: an id is never given twice, also after `forget`.
CREATE TABLE pending (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    received      INTEGER NOT NULL,          -- ms since 1970, UTC
    route         TEXT    NOT NULL,
    room          TEXT    NOT NULL,          -- bare JID
    inviter       TEXT    NOT NULL,          -- bare JID, or ROOM/NICK where the room masks it
    contact       TEXT    NOT NULL,          -- bare JID
    -- The payload: gone for good when the row settles (secure_delete).
    reason        TEXT,
    password      TEXT,
    thread        TEXT,
    continues     INTEGER NOT NULL
) STRICT;

-- Settled: what `history` shows. Appended in the order of ids, never looked up while relaying, so it has no index.
CREATE TABLE history (
    id            INTEGER PRIMARY KEY,
    received      INTEGER NOT NULL,
    settled       INTEGER NOT NULL,
    route         TEXT    NOT NULL,
    room          TEXT    NOT NULL,
    inviter       TEXT    NOT NULL,
    contact       TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    reason        TEXT,
    sent_as       TEXT
) STRICT;

-- Once per contact and room: the key is a digest of both, the row names the invitation that holds it.
CREATE TABLE claims (
    key           BLOB    PRIMARY KEY,       -- 16 bytes
    at            INTEGER NOT NULL,          -- ms since 1970, UTC
    invitation    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What names this journal: message ids carry it, so that two journals never use the same ones.
CREATE TABLE journal (
    instance      TEXT    NOT NULL
) STRICT;
INSERT INTO journal (instance) VALUES (lower(hex(randomblob(4))));
