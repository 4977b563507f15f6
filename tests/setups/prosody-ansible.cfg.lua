-- Ansible managed: /srv/ansible/roles/prosody/templates/prosody.cfg.lua.j2
local domain = "example" .. ".test";
local muc_domain = "conference." .. domain;
local base_modules = {
  "roster", "saslauth", "tls", "dialback", "disco", "ping",
  'version', -- what clients see
};

modules_enabled = base_modules;
plugin_paths = { "/opt/prosody-modules" };
component_ports = { 5347, 5348 };
component_interfaces = { "127.0.0.1" };
log = { { levels = { min = "info" }, to = "console" } };

VirtualHost(domain)
  authentication = "internal_hashed";
  privileged_entities = {
    ["pubsub.example.test"] = { roster = "both" };
    ["invites.example.test"] = {
      message = "outgoing";
      roster = "both";
      iq = { ["http://jabber.org/protocol/muc#admin"] = "both" };
    };
  };

Component(muc_domain) "muc"
  name = "Rooms";
  modules_enabled = { "muc_mam" };
  admins = { "invites.example.test" };
