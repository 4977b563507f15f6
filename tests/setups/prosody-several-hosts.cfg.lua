-- Two hosts, whose rooms are under a name of their own, and gateways on another port.
admins = { "root@example.test" }
plugin_paths = { "/opt/prosody/modules", "/opt/prosody/modules-community" }
component_ports = { 5222, 5555 }
component_interfaces = { "10.0.0.5", "127.0.0.1" }
modules_enabled = { "roster", "saslauth", "disco", "mam", "smacks" }
storage = "sql"

VirtualHost "example.test"
    authentication = "ldap"
    http_host = "web.example.test"

VirtualHost "company.test"
    authentication = "internal_hashed"

Component "rooms.talk.test" "muc"
    restrict_room_creation = "local"
    muc_room_default_public = false

Component "gateway.example.test"
    component_secret = "another secret"
