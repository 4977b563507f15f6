-- `declined` is 0 where an invitation was sent from a relay address, and was not declined. Rows that are older have NULL instead, and
-- their index, which gets no new rows: an index of years of invitations has a page for each that is added.
-- This one has a part for each 65,536 invitations, so that those which are added lie close together.
CREATE INDEX declinable_by_part ON history (id >> 16, contact)
    WHERE state = 'relayed' AND declined = 0;
