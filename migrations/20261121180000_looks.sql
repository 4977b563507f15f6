-- Which addresses of rooms and inviters there are under each look: more than one hardly ever. Whom a contact knows stands
-- in `history`, which is asked only then.
DROP TABLE known;
CREATE TABLE looks (
    key           BLOB    NOT NULL,          -- 16 bytes: a digest of the look
    jid           TEXT    NOT NULL,          -- bare JID
    at            INTEGER NOT NULL,          -- ms since 1970, UTC: seen last, to the day
    PRIMARY KEY (key, jid)
) STRICT, WITHOUT ROWID;
