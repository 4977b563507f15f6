-- When the contact declined a relayed invitation: ms since 1970, UTC. A decline is looked up among the invitations that were
-- sent from relay addresses; all others are answered without the relay.
ALTER TABLE history ADD COLUMN declined INTEGER;
CREATE INDEX declinable ON history (contact, room)
    WHERE state = 'relayed' AND declined IS NULL AND sent_as <> inviter AND sent_as <> room;
