-- Prosody runs its modules on Lua 5.1 to 5.4, with these globals.
std = "min"
files["config/prosody/mod_*.lua"] = { read_globals = { "prosody" }, globals = { "module" } }
files["tests/support/prosody_modules/mod_*.lua"] = { globals = { "module" } }
