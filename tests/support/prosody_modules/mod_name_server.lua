-- Prosody asks a name server on 127.0.0.1 at the port `name_server_port`, and no other. For tests only.
-- net.dns, which is in use where lua-unbound is not installed, knows the usual port only.

module:set_global();

local dns = require "net.dns";
assert(not package.loaded["net.unbound"], "lua-unbound is in use, which this module does not know");

local port = module:get_option_number("name_server_port");
local resolver = getmetatable(dns._resolver).__index;

function resolver:adddefaultnameservers()
	self:addnameserver("127.0.0.1");
end

local set = resolver.socket_wrapper_set;
function resolver:socket_wrapper_set(wrap)
	set(self, function (...)
		local socket, err = wrap(...);
		if socket then
			local connect = socket.setpeername;
			socket.setpeername = function (it, address)
				return connect(it, address, port);
			end
		end
		return socket, err;
	end);
end
