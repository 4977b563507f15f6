# What inviters are told, with one of the headings below. { $contact } and { $room } are addresses.
told-about = Your invitation of { $contact } to { $room }: { $what }
told-about-contact = Your invitation of { $contact }: { $what }
told-outcast = This contact can't be invited to this room.
told-not-member = This contact is not a member of this room. Ask one of its admins to make them one.
told-no-rights = This contact is not a member of this room, and could not be made one. Ask one of its admins to do it.
told-may-not-invite = You may not invite to this room.
told-untrusted = Invitations to this room are not relayed here. Please invite people by their own addresses.
told-nobody = Nobody is reached at this address. To invite bob@example.org, invite bob\40example.org@{ $component }.
told-another-relay = This is a relay address of another server, which relays invitations to that server's own rooms only. Please invite the person's own address.
told-rate-limited = Too many invitations. Please wait a while; until then further ones are dropped.
told-too-many = This address stands for more people than one invitation may reach. Nobody was invited.
told-no-list = This room does not tell the relay who its members are. Nobody was invited.
told-unsendable = The invitation can't be passed on as it is: something in it, such as the room's password, is too long.
told-not-delivered = The invitation could not be delivered.
told-not-passed-on = The invitation could not be passed on.
told-expired = The invitation could not be delivered in time.
told-invited-before = They were invited to this room a short while ago. You can invite them again later.
told-no-room = This invitation names no room. Write its address alone, such as room@conference.example.org.

# Without a heading.
told-declined = { $contact } declined your invitation to { $room }.
told-declined-because = { $contact } declined your invitation to { $room }: { $reason }

# What became of an invitation to several people: some of these, with commas between.
sum-invited = { $count } invited
sum-before = { $count } invited before
sum-already = { $count } already there
sum-failed = { $count } can't be reached
sum-elsewhere = { $count } of those invited not confirmed yet (on other servers)

# The component and its commands, as clients list them.
component-name = Invitation relay
command-list = Commands
command-settings = My settings
command-data = What the relay holds about me
command-forget = Forget me
command-statistics = Statistics
command-recent = Recent invitations
command-block = Block a room, a service or a person for everybody
command-reload = Read the configuration again
command-invite = Invite in somebody's name
command-groups = Groups
command-group-create = Create a group
command-group-add = Add to a group
command-group-remove = Remove from a group
command-group-allow = Who may use a group
command-group-delete = Delete a group
too-many-commands = Too many commands: please wait a while.

# What stands above a form.
page-settings = From whom to accept invitations, and what to block. Addresses that you block can't invite you, and they are not told.
page-forget = Choose what the relay is to forget about you.
page-block = Addresses that are blocked can't invite anybody here, and they are not told.
page-invite = The invitations come from the inviter, who must be allowed to invite to the room.
page-group-create = An invitation to NAME@{ $component } goes to everybody in the group.
page-group-entries = Addresses of people, or @NAME for all of another group.
page-group-allow = To everybody else the group does not exist.
page-group-delete = Invitations to it reach nobody any more.

# Settings.
field-accept-from = Invitations to rooms
accept-everybody = from everybody
accept-contacts = only from people in my contact list
accept-nobody = none at all
accept-server = left to my server where it can deliver them, as if there were no relay
field-block = Block: addresses of rooms, MUC services or people, with spaces between
field-lift = Block no longer
lift-nothing = nothing
lift-everything = everything
field-blocked = Blocked
note-settings-saved = Your settings are saved.
wrong-no-contact-list = The relay can't see your contact list.
wrong-block = This can't be blocked: { $word } is not an address.
wrong-too-many-blocks = Nothing is changed: no more than { $count } can be blocked.

# What the relay holds about somebody. { $state } is a word of the history.
note-data = This is what the relay holds about you.
field-received = Invitations for me, the newest first
field-sent = Invitations by me, the newest first
line-received = { $when } to { $room } by { $inviter }: { $state }
line-sent = { $when } to { $room } for { $contact }
field-forget = Forget
forget-invitations = the invitations that I have received and sent; my settings stay
forget-everything = my settings too, so that invitations reach me from everybody
field-forgotten = Forgotten
forgotten-invitations = { $count ->
    [one] { $count } invitation is forgotten. Your settings stay as they are.
   *[other] { $count } invitations are forgotten. Your settings stay as they are.
}
forgotten-everything = { $count ->
    [one] { $count } invitation is forgotten. Your settings are forgotten: invitations reach you from everybody.
   *[other] { $count } invitations are forgotten. Your settings are forgotten: invitations reach you from everybody.
}

# For admins.
field-total = Invitations that came in the last 24 hours and have ended
field-ended = What became of them
field-pending = Invitations under way
field-people = People with settings of their own
field-blocked-for-all = Blocked for everybody
field-version = Version of the relay
note-statistics = { $count ->
    [one] { $count } invitation in the last 24 hours.
   *[other] { $count } invitations in the last 24 hours.
}
field-invitations = Invitations, the newest first
line-recent = { $id }: { $when } to { $room } by { $inviter } for { $contact }: { $state }
note-recent = The newest invitations: { $count }.
note-blocked = Blocked for everybody: { $count }.
note-blocked-own = This server's own: { $domains }. No invitation from there, or to rooms there, is relayed any more.
note-reloaded = Keys that changed: { $count }. Keys that need a restart: { $waiting }.
note-wrong-configuration = The new configuration is wrong: the relay goes on with the one that it has.
field-changed = In effect from now on
field-restart = In effect after a restart
field-wrong = What is wrong

# Groups.
field-group = Group
field-group-name = Name, as it stands before the @
field-group-entries = Addresses, or @names, with spaces between
field-group-may-use = Who may use it
field-group-users = Who may use it, if it is for named people: addresses with spaces between
may-use-everybody = everybody who may invite to the room
may-use-members = those who are in it
may-use-named = the people named below
field-group-now = The group is now
field-groups-kept = Kept by admins
field-groups-configured = In the configuration
line-group = { $name }, for { $may-use }: { $entries }
line-group-configured = { $name }: { $count } people
note-group = { $command }: { $name }. Done.
note-groups = Groups: { $count }.
wrong-entry = { $word } is neither somebody's address nor a group's @name.
wrong-relay-address = { $word } is a relay address. Another group is named by @ and its name.
wrong-nobody = Name somebody.
wrong-group-name = { $name } can't be a group's name. A name is written in lower case and without spaces.
wrong-group-members = This can't be a group's name: it is the address of a room's own members.
wrong-group-contact = This can't be a group's name: it is the address of one contact.
wrong-group-configured = There is a group of that name in the configuration.
wrong-not-in-group = Nothing is changed: not in the group: { $entries }.
wrong-group-user = Nothing is changed: { $word } is a group. Only people can be named as those who may use one.
wrong-group-exists = Nothing is changed: there is a group of that name already.
wrong-group-unknown = Nothing is changed: there is no group of that name.
wrong-too-many-groups = Nothing is changed: no more than { $count } groups can be kept.
wrong-too-many-entries = Nothing is changed: no more than { $count } can be in a group.
wrong-no-group = Nothing is changed: there is no group { $name }.
wrong-nesting = Nothing is changed: the groups would be a circle, or too deep in each other.

# Invitations by admins, and what stands against them.
field-invite-room = Room
field-inviter = In whose name: the inviter's address
field-invite-contacts = Whom: addresses, or a group's @name, or @members for the room's own members
field-invite-reason = Reason
field-invite-mode = What to do
invite-send = invite
invite-dry-run = only show what would become of it
note-invited = Invitations that have ended: { $count }. Still under way: { $waiting }.
note-rehearsed = Nobody was invited. Contacts asked about: { $count }. Not answered yet: { $waiting }.
wrong-invite-address = Nobody is invited: { $word } is not an address. Write one such as bob@example.org.
wrong-invite-room = Nobody is invited: { $room } is not a room that the relay serves. Name one on { $services } (muc.services).
wrong-invite-no-such-room = Nobody is invited: there is no room { $room }.
wrong-inviter = Nobody is invited: { $inviter } is not a user of this server. Name one on { $hosts }.
wrong-invite-contact = Nobody is invited: { $contact } is not a person's address. A group is named by @ and its name.
wrong-invite-whom = Nobody is invited: name contacts, or one group, or the room's members.
wrong-invite-too-many = Nobody is invited: no more than { $count } can be invited at a time. Invite them in several parts.
wrong-invite-group = Nobody is invited: there is no group { $name }, or nobody is in it.
wrong-invite-may-not-use = Nobody is invited: the inviter may not use the group { $name }. Let them use it, or name another inviter.
wrong-invite-no-list = Nobody is invited: the room does not tell the relay who its members are. Name an owner of the room as the inviter. The rights of a relay that is an admin of the MUC service are enough only where the server answers its questions.
wrong-invite-silent = Nobody is invited: the room did not answer. Try again later.
wrong-invite-not-connected = Nobody is invited: the relay is not connected to the server. Try again when it is.
wrong-invite-busy = Nobody is invited: two such commands are being carried out already. Try again when one has ended.
wrong-invite-journal = Nobody is invited: the groups can't be read. The log says why.
