--[[ A configuration that has been kept since Prosody 0.8,
     with what was usual then. ]]
daemonize = true;
use_libevent = true;
bosh_ports = { 5280; };
modules_enabled = {
                "roster"; "saslauth"; "tls"; "dialback"; "disco";
                -- "private";
                "vcard"; "register"; "posix"; "bosh";
        };
allow_registration = false;
component_ports = 5347
c2s_require_encryption = true
ssl = { key = "certs/localhost.key"; certificate = "certs/localhost.cert"; }
anonymous_login = false;

Host "example.test"
        enabled = true -- Remove this line to enable this host
        admins = { "root@example.test" };

Host "anon.example.test"
        authentication = "anonymous"

Component "conference.example.test" "muc"
Component "proxy.example.test" "proxy65"
Component "icq.example.test"
        component_secret = "pa\"ss\115word"
