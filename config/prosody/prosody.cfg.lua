-- The server's side of muc-invite-relay, for Prosody 0.12 and 13. Add each block to the section of
-- that name if you already have one. Where that has modules_enabled, admins or privileged_entities
-- already, join the two: of an option that is set twice Prosody keeps what it reads last.
-- mod_privilege is one of the community modules (Debian: the package prosody-modules),
-- mod_muc_invite_relay comes with the relay, in config/prosody.

-- Put your own names in place of example.org, conference.example.org and invites.example.org, or
-- have it printed for your configuration: muc-invite-relay setup prosody

-- Only if Prosody does not find the modules (Debian's does): above every VirtualHost and Component,
-- the folder that mod_muc_invite_relay.lua has been copied to, added to those that you have.
-- plugin_paths = { "/usr/local/lib/prosody/modules" }

-- Only if Prosody takes components elsewhere: above every VirtualHost and Component, added to what you
-- have. Other components connect there, too.
-- component_interfaces = { "127.0.0.1" }
-- component_ports = { 5347 }

-- The host of your users.
VirtualHost "example.org"
    -- Add it to the list that you have. Needed here AND on the relay's component below.
    modules_enabled = { "privilege" }
    privileged_entities = {
        ["invites.example.org"] = {
            -- Invitations leave in the inviter's name: a contact's filter lets his friends through.
            message = "outgoing";
            -- Whoever wants invitations from his contacts only gets them from his contacts only.
            roster = "get";
            -- Only with relay.support = "ask": which clients are online, and what they can do.
            presence = "managed_entity";
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
    -- People invite as they always did, and the relay gets the invitation. Add it to the list that
    -- you have; without it, only invitations to relay addresses are relayed.
    modules_enabled = { "muc_invite_relay" }
    muc_invite_relay = "invites.example.org"
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
