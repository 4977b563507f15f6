-- Which rooms and people somebody knows from the invitations that reached him: of all addresses that look alike the
-- first. The key is a digest of the contact and one of the look, so what belongs to one contact lies together.
CREATE TABLE known (
    key           BLOB    PRIMARY KEY,       -- 8 bytes and 8 bytes
    jid           TEXT    NOT NULL,          -- bare JID of a room or an inviter
    at            INTEGER NOT NULL           -- ms since 1970, UTC: invited last, to the day
) STRICT, WITHOUT ROWID;
