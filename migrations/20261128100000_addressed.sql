-- The address that an invitation was sent to, where it says more than `contact`: one of the contact's devices (its
-- resource), or another spelling of their relay address. Gone when the row settles.
ALTER TABLE pending ADD COLUMN addressed TEXT;
