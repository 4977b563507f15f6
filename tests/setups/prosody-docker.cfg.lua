-- Configured by the environment of its container.
local domain = os.getenv("DOMAIN") or "example.test";
local function split(text) local parts = {}; for part in text:gmatch("%S+") do parts[#parts + 1] = part end; return parts; end
admins = { ENV_PROSODY_ADMIN };
modules_enabled = { "roster"; "saslauth"; "disco"; "pep"; }
http_external_url = "https://" .. domain .. "/";
if os.getenv("WITH_TURN") then
    turn_external_host = os.getenv("WITH_TURN");
end

VirtualHost "example.test" {
    authentication = "internal_hashed";
}

Component "conference.example.test" "muc" {
    modules_enabled = split("muc_mam vcard_muc");
}

Component "invites.example.test"
    component_secret = os.getenv("INVITES_SECRET")
    modules_enabled = { "privilege" }
