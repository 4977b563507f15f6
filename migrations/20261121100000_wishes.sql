-- What somebody wants of the relay. Nobody has a row who wants what the relay does by itself.
CREATE TABLE wishes (
    person        TEXT    PRIMARY KEY,       -- bare JID; empty: the admins, on everybody's behalf
    takes         TEXT    NOT NULL,          -- invitations from whom
    blocks        TEXT    NOT NULL           -- rooms, services and people, a JID on each line
) STRICT, WITHOUT ROWID;
