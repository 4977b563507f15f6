-- The journal in PostgreSQL: the tables of SQLite (../), without what older versions left there. Texts are compared by their bytes,
-- whatever the database's collation is.

-- Under way. The payload (reason, password, thread, and what an answer needs) is sealed: see src/journal/postgres/sealed.rs. Rows
-- come and go, so it is vacuumed by their number.
CREATE TABLE pending (
    id            BIGINT  PRIMARY KEY,
    received      BIGINT  NOT NULL,               -- ms since 1970, UTC
    route         TEXT    COLLATE "C" NOT NULL,
    room          TEXT    COLLATE "C" NOT NULL,   -- bare JID
    inviter       TEXT    COLLATE "C" NOT NULL,   -- bare JID, or ROOM/NICK where the room masks it
    contact       TEXT    COLLATE "C" NOT NULL,   -- bare JID
    parent        BIGINT,
    language      TEXT    COLLATE "C",
    added         BOOLEAN NOT NULL DEFAULT false,
    payload       BYTEA   NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Settled: what `history` shows. Appended in the order of ids.
CREATE TABLE history (
    id            BIGINT  PRIMARY KEY,
    received      BIGINT  NOT NULL,
    settled       BIGINT  NOT NULL,
    route         TEXT    COLLATE "C" NOT NULL,
    room          TEXT    COLLATE "C" NOT NULL,
    inviter       TEXT    COLLATE "C" NOT NULL,
    contact       TEXT    COLLATE "C" NOT NULL,
    state         TEXT    COLLATE "C" NOT NULL,
    reason        TEXT    COLLATE "C",
    sent_as       TEXT    COLLATE "C",
    added         BOOLEAN NOT NULL DEFAULT false,
    parent        BIGINT,
    language      TEXT    COLLATE "C",
    declined      BIGINT                          -- 0: sent from a relay address, and not declined
);
-- A hash of both, since two addresses can be longer than a row of an index (2.7 kB).
CREATE INDEX declinable ON history (hashtextextended(contact, hashtextextended(room, 0)), id) WHERE state = 'relayed' AND declined = 0;

-- Once per contact and room.
CREATE TABLE claims (
    key           BYTEA   PRIMARY KEY,            -- 16 bytes
    at            BIGINT  NOT NULL,               -- ms since 1970, UTC
    invitation    BIGINT  NOT NULL,
    memory        BYTEA   NOT NULL
) WITH (fillfactor = 90);

CREATE TABLE wishes (
    person        TEXT    COLLATE "C" PRIMARY KEY,
    takes         TEXT    COLLATE "C" NOT NULL,
    blocks        TEXT    COLLATE "C" NOT NULL
);

CREATE TABLE groups (
    name          TEXT    COLLATE "C" PRIMARY KEY,
    may_use       TEXT    COLLATE "C" NOT NULL,
    users         TEXT    COLLATE "C" NOT NULL,
    entries       TEXT    COLLATE "C" NOT NULL
);

CREATE TABLE looks (
    key           BYTEA   NOT NULL,
    jid           TEXT    COLLATE "C" NOT NULL,
    at            BIGINT  NOT NULL,
    PRIMARY KEY (key, jid)
);

CREATE TABLE hashes (
    hash          TEXT    COLLATE "C" PRIMARY KEY,
    shows_direct  BOOLEAN NOT NULL,
    at            BIGINT  NOT NULL
);

-- A row for each transaction of the writer, so that it can find out whether one was committed whose answer was lost, and that nobody
-- else has written since its last one. Only the newest row is needed.
CREATE TABLE batches (
    number        BIGINT  PRIMARY KEY,
    next          BIGINT  NOT NULL                -- the id of the next arrival: an id is never given twice
);
INSERT INTO batches (number, next) VALUES (0, 1);

-- Who leads: of several relays with this journal, one works. One row, read and locked first in every transaction of the writer. Each
-- relay that takes the lead counts `epoch` up, so that one that led before can't write.
CREATE TABLE leader (
    epoch         BIGINT  NOT NULL,
    token         BIGINT  NOT NULL,               -- a random number: a replica that is promoted may not know of an epoch
    holder        TEXT    COLLATE "C" NOT NULL,   -- its machine and control socket
    until         TIMESTAMPTZ NOT NULL            -- by the server's clock: then others may take the lead
) WITH (fillfactor = 10);
INSERT INTO leader (epoch, token, holder, until) VALUES (0, 0, '', '-infinity');

-- The relays that wait for the lead, and when they were last seen.
CREATE TABLE standbys (
    name          TEXT    COLLATE "C" PRIMARY KEY,
    seen          TIMESTAMPTZ NOT NULL
) WITH (fillfactor = 10);

-- What a relay had read and could not write down before another one took the lead: the one that leads takes it in.
CREATE TABLE late (
    id            BIGINT  PRIMARY KEY,            -- below zero: no invitation has it; a relay begins with a random one
    received      BIGINT  NOT NULL,
    route         TEXT    COLLATE "C" NOT NULL,
    room          TEXT    COLLATE "C" NOT NULL,
    inviter       TEXT    COLLATE "C" NOT NULL,
    contact       TEXT    COLLATE "C" NOT NULL,
    language      TEXT    COLLATE "C",
    payload       BYTEA   NOT NULL                -- sealed as in pending
);

-- What names this journal: one row, which the relay writes at its first start.
CREATE TABLE journal (
    instance      TEXT    COLLATE "C" NOT NULL,
    salt          BYTEA   NOT NULL,
    looked        BIGINT  NOT NULL DEFAULT 0,
    key_check     BYTEA   NOT NULL                -- sealed with the key: shows whether it is still the same
);
