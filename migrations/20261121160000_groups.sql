-- Groups that admins keep.
CREATE TABLE groups (
    name          TEXT    PRIMARY KEY,       -- a localpart
    may_use       TEXT    NOT NULL,          -- who may use it
    users         TEXT    NOT NULL,          -- the people who are named for that, a bare JID on each line
    entries       TEXT    NOT NULL           -- who is in it: bare JIDs and @names, one on each line
) STRICT, WITHOUT ROWID;
