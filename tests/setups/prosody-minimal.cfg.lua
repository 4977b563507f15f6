-- One host, and no more than there must be.
modules_enabled = { "roster", "saslauth", "disco" }

VirtualHost "example.test"

Component "conference.example.test" "muc"
