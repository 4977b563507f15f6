VirtualHost "example.test"
    modules_enabled = { "blocklist", "vcard4" }
    admins = { "boss@example.test" }

Component "conference.example.test" "muc"
    modules_enabled = { "muc_mam", "vcard_muc" }
    admins = { "moderator@example.test" }
    restrict_room_creation = "local"
