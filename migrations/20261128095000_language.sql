-- The language in which the inviter is told what became of it: a code (BCP 47); NULL: English. An invitation can come back long
-- after it was settled.
ALTER TABLE pending ADD COLUMN language TEXT;
ALTER TABLE history ADD COLUMN language TEXT;
