# What inviters are told, with one of the headings below. { $contact } and { $room } are addresses.
told-about = Your invitation of { $contact } to { $room }: { $what }
told-about-contact = Your invitation of { $contact }: { $what }
told-outcast = This contact can't be invited to this room.
told-not-member = This contact is not a member of this room. Ask one of its admins to make them one.
told-no-rights = This contact is not a member of this room, and could not be made one. Ask one of its admins to do it.
told-may-not-invite = You may not invite to this room.
told-untrusted = Invitations to this room are not relayed here. Please invite people by their own addresses.
told-nobody = Nobody is reached at this address. To invite bob@example.org, invite bob\40example.org@{ $component }.
told-rate-limited = Too many invitations. Please wait a while; until then further ones are dropped.
told-too-many = This address stands for more people than one invitation may reach. Nobody was invited.
told-no-list = This room does not tell the relay who its members are. Nobody was invited.
told-unsendable = The invitation can't be passed on as it is: something in it, such as the room's password, is too long.
told-not-delivered = The invitation could not be delivered.
told-not-passed-on = The invitation could not be passed on.
told-expired = The invitation could not be delivered in time.
told-no-room = This invitation names no room. Write its address alone, such as room@conference.example.org.

# Without a heading.
told-declined = { $contact } declined your invitation to { $room }.
told-declined-because = { $contact } declined your invitation to { $room }: { $reason }

# What became of an invitation to several people: some of these, with commas between.
sum-invited = { $count } invited
sum-already = { $count } already there
sum-failed = { $count } can't be reached
