-- Many hosts, each in a file of its own, as hosters keep them.
admins = { "root@hoster.test" }
modules_enabled = { "roster"; "saslauth"; "tls"; "disco"; "carbons"; "smacks"; "mam" }
modules_disabled = { "s2s" }
authentication = "internal_hashed"
http_ports = { 5280 }
Include "conf.d/*.cfg.lua"
