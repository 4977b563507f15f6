-- The server's side of muc-invite-relay, for Prosody 0.12 and 13. Add each block to the section of
-- that name if you already have one. If your section has modules_enabled, admins or
-- privileged_entities already, join the lists: of an option that is set twice Prosody keeps what it
-- reads last. mod_privilege is one of the community modules (Debian: the package prosody-modules),
-- mod_muc_invite_relay comes with the relay, in config/prosody.

-- Put your own names in place of example.org, conference.example.org and invites.example.org, or
-- have it printed for your configuration: muc-invite-relay setup prosody

-- Only if Prosody does not find the modules (Debian's does). Write it above every VirtualHost and
-- Component: the folder that mod_muc_invite_relay.lua was copied to, added to those that you have.
-- plugin_paths = { "/usr/local/lib/prosody/modules" }

-- Only if Prosody listens for components on another address or port. Write it above every VirtualHost
-- and Component, and add it to what you have. Other components connect there, too.
-- component_interfaces = { "127.0.0.1" }
-- component_ports = { 5347 }

-- The host of your users.
VirtualHost "example.org"
    -- Add it to the list that you have. Needed here AND on the relay's component below.
    modules_enabled = { "privilege" }
    privileged_entities = {
        ["invites.example.org"] = {
            -- Invitations leave in the inviter's name, so that a contact's filter lets their friends through.
            message = "outgoing";
            -- The relay can tell contacts from strangers, for people who take invitations from contacts only.
            roster = "get";
            -- Only with relay.support = "ask": which clients are online, and what they can do.
            presence = "managed_entity";
            iq = {
                -- Contacts become members of members-only rooms with the inviter's own rights.
                ["http://jabber.org/protocol/muc#admin"] = "both";
                -- The relay sends nothing to people who block the room, its MUC service or the inviter.
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
    -- Semi-anonymous rooms (the default) hide who invites: only an owner can see it. Also, an
    -- inviter who may invite may not always add members.
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
