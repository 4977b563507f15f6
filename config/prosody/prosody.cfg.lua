-- The server's side of muc-invite-relay, for Prosody 0.12 and 13. Put your own names in place of
-- example.org, conference.example.org and invites.example.org, and add each block to the section
-- of that name if you already have one. mod_privilege is one of the community modules (Debian:
-- the package prosody-modules).

-- The host of your users.
VirtualHost "example.org"
    -- Add it to the list that you have. Needed here AND on the component below.
    modules_enabled = { "privilege" }
    privileged_entities = {
        ["invites.example.org"] = {
            -- Invitations leave in the inviter's name: a contact's filter lets his friends through.
            message = "outgoing";
            -- Whoever wants invitations from his contacts only gets them from his contacts only.
            roster = "get";
            iq = {
                -- Contacts become members of members-only rooms with the inviter's own rights.
                ["http://jabber.org/protocol/muc#admin"] = "both";
                -- Whoever blocks a room, a MUC service or a person is not invited in a roundabout way.
                ["urn:xmpp:blocking"] = "get";
            };
        };
    }

-- Where your rooms are.
Component "conference.example.org" "muc"
    -- Semi-anonymous rooms (the default) hide who invites: only an owner can see it. And not
    -- everyone who may invite may also add members.
    admins = { "invites.example.org" }
    -- Prosody 13 gives admins no rights in rooms unless this is set; 0.12 does it by default.
    component_admins_as_room_owners = true

-- The relay itself.
Component "invites.example.org"
    -- The same as `component.secret` in the relay's configuration.
    component_secret = "change me"
    modules_enabled = { "privilege" }
    -- A connection that broke unnoticed must not keep the relay from coming back.
    component_conflict_resolve = "kick_old"
