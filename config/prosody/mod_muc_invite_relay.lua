-- mod_muc_invite_relay: hands the invitations of this MUC service over to muc-invite-relay, which
-- sends them on in the inviter's own name. For Prosody 0.12 and 13.
--
--	Component "conference.example.org" "muc"
--		modules_enabled = { "muc_invite_relay" }
--		muc_invite_relay = "invites.example.org" -- the relay, an external Component of this Prosody
--		muc_invite_relay_timeout = 5 -- seconds the relay has for its answer
--
-- The room checks and completes an invitation. Then this module sends it to the relay in an IQ and keeps
-- it. If the answer is a result, the relay has it for good. The room's own invitation is delivered, as if
-- this module were not there, if the answer is an error or does not come in time, if there is no
-- connection, or if this module or the server stops. So none is lost.
--
-- The module remembers what became of each invitation. The relay asks for that before it delivers one
-- whose answer may have been lost with its connection. So none arrives twice.
--
-- An invitation that the relay has sent to another server can come back, and the error goes to the inviter's account,
-- where nobody sees it. This module tells the relay of those errors, so that it can tell the inviter.
--
-- Never handed over are:
-- * invitations by users of another server or of a component (the relay can't send in their name);
-- * invitations for an address on the relay (it gets them as they are);
-- * invitations of rooms whose owners turned it off in the room's configuration. They can, because the
--   relay names the inviter, who may not want to be named in a semi-anonymous room.

local datetime = require "util.datetime".datetime;
local jid_bare = require "util.jid".bare;
local jid_host = require "util.jid".host;
local jid_prep = require "util.jid".prep;
local new_id = require "util.id".medium;
local now = require "util.time".now;
local st = require "util.stanza";

local xmlns_handover = "urn:x-muc-invite-relay:0";
local xmlns_forward = "urn:xmpp:forward:0";
local xmlns_conference = "jabber:x:conference";
local xmlns_muc_user = "http://jabber.org/protocol/muc#user";
local config_field = "{urn:x-muc-invite-relay:0}name_inviter";

local hosts = prosody.hosts;

module:depends("muc");

local relay = jid_prep(module:get_option_string("muc_invite_relay"));
if not relay then
	error("muc_invite_relay is not set: it takes the JID of the relay's Component", 0);
end
local timeout = module:get_option_number("muc_invite_relay_timeout", 5);

-- What this module can do, for `muc-invite-relay check`: 2 tells of errors.
local version = "2";

-- How many hand-overs are remembered: the newest.
local remembered = 10000;

-- How many errors are kept until the relay has answered: the newest.
local remembered_errors = 1000;

-- id of the IQ -> { room, stanza, inviter, session, timer }, for each invitation without an answer yet
local pending = {};

-- What became of hand-overs, also across a reload. Ids are random: none is ever given twice.
local memory = {
	fates = {}; -- id of the IQ -> { fate, whose, passed }
	ids = {}; -- a ring of those ids
	newest = 0;
	taken = {}; -- inviter, contact and room -> id of the IQ that was taken last and has not passed yet
};

-- Errors that the relay has not answered yet: a ring, the keys being the numbers in the ids of the IQs.
local errors = { newest = 0 };

-- Stanzas of inviters -> true, if the contact had no affiliation when the room got it.
local had_none = setmetatable({}, { __mode = "k" });

local function whose(inviter, contact, room)
	return jid_bare(inviter).."\n"..jid_bare(contact).."\n"..room;
end

local function forget(id)
	local fate = memory.fates[id];
	memory.fates[id] = nil;
	if fate and memory.taken[fate.whose] == id then
		memory.taken[fate.whose] = nil;
	end
end

local function remember(id, fate, invitation)
	memory.newest = memory.newest % remembered + 1;
	forget(memory.ids[memory.newest] or "");
	memory.ids[memory.newest] = id;
	local key = whose(invitation.inviter, invitation.stanza.attr.to, invitation.room.jid);
	memory.fates[id] = { fate = fate; whose = key; passed = false };
	if fate == "taken" then
		memory.taken[key] = id;
	end
end

local function settle(id, fate)
	local invitation = pending[id];
	pending[id] = nil;
	invitation.timer:stop();
	remember(id, fate, invitation);
	return invitation;
end

local function deliver(id, why)
	local invitation = settle(id, "delivered");
	local stanza = invitation.stanza;
	module:log("info", "Invitation %s for %s is delivered by the room %s: %s",
		id, stanza.attr.to, stanza.attr.from, why);
	invitation.room:route_stanza(stanza);
end

local function deliver_all(why)
	while next(pending) do
		deliver(next(pending), why);
	end
end

-- UTC with milliseconds. Prosody 0.12 formats whole seconds only.
local function timestamp(time)
	local seconds = math.floor(time);
	return (datetime(seconds):gsub("Z$", (".%03dZ"):format(math.floor((time - seconds) * 1000))));
end

local function is_local_user(jid)
	local host = hosts[jid_host(jid)];
	return host and host.type == "local";
end

local function connected()
	local component = hosts[relay] and hosts[relay].modules.component;
	return component and component.connected and component;
end

local function handover(stanza, inviter, id, made_member)
	local message = st.clone(stanza);
	message.attr.xmlns = "jabber:client";
	-- Semi-anonymous rooms have put the inviter's nickname there.
	message:get_child("x", xmlns_muc_user):get_child("invite").attr.from = inviter;
	-- The relay gets a tenth less time than we wait, so that an answer at its deadline is still in time.
	local deadline = timestamp(now() + timeout * 0.9);
	return st.iq({ type = "set", id = id, from = module.host.."/muc-invite-relay", to = relay })
		:tag("handover", {
			xmlns = xmlns_handover;
			deadline = deadline;
			now = timestamp(now());
			["made-member"] = made_member and "true" or nil;
		})
			:tag("forwarded", { xmlns = xmlns_forward }):add_child(message);
end

-- Before mod_muc makes contacts members of members-only rooms. The relay takes that back if the invitation does not
-- reach them.
module:hook("muc-pre-invite", function (event)
	local contact = jid_prep(event.stanza:get_child("x", xmlns_muc_user):get_child("invite").attr.to);
	if contact and not event.room:get_affiliation(contact) then
		had_none[event.stanza] = true;
	end
end, 1000);

-- After all that mod_muc does: permissions, masking (50), membership, password and body (0).
module:hook("muc-invite", function (event)
	local room, stanza = event.room, event.stanza;
	local inviter = event.incoming and event.incoming.attr.from;
	if not inviter or not is_local_user(inviter) or jid_host(stanza.attr.to) == relay or room._data.hide_inviter then
		return;
	end
	local component = connected();
	if not component then
		module:log("info", "Invitation for %s is delivered by the room %s: the relay is not connected",
			stanza.attr.to, room.jid);
		return;
	end

	local id = new_id();
	pending[id] = {
		room = room;
		stanza = stanza;
		inviter = inviter;
		session = component.session;
		timer = module:add_timer(timeout, function () deliver(id, "no answer in time"); end);
	};
	module:log("debug", "Invitation %s for %s from the room %s is handed over", id, stanza.attr.to, room.jid);
	local made_member = had_none[event.incoming] and room:get_affiliation(stanza.attr.to) == "member";
	module:send(handover(stanza, inviter, id, made_member));
	return true;
end, -10);

-- Not module:send_iq: it tracks 256 IQs at most, and fails differently in 0.12 and 13.
module:hook("iq/host", function (event)
	local answer = event.stanza;
	local id, type = answer.attr.id, answer.attr.type;
	if not pending[id] or answer.attr.from ~= relay then
		return;
	elseif type == "result" then
		settle(id, "taken");
		module:log("debug", "Invitation %s is the relay's", id);
		return true;
	elseif type == "error" then
		local _, condition, text = answer:get_error();
		deliver(id, "the relay answered "..(text or condition));
		return true;
	end
end, 10);

-- `muc-invite-relay check` asks whether this module is there for it, and what time it is here.
module:hook("iq-get/host/"..xmlns_handover..":handover", function (event)
	local origin, question = event.origin, event.stanza;
	if question.attr.from ~= relay then
		return;
	end
	origin.send(st.reply(question):tag("handover", {
		xmlns = xmlns_handover;
		version = version;
		timeout = tostring(timeout);
		now = timestamp(now());
		server = "Prosody "..prosody.version;
	}));
	return true;
end);

-- A relay whose answer may have been lost asks before it delivers. An invitation that still waits belongs to
-- the relay from here on.
module:hook("iq-get/host/"..xmlns_handover..":handed-over", function (event)
	local origin, question = event.origin, event.stanza;
	if question.attr.from ~= relay then
		return;
	end
	local id = question.tags[1].attr.id or "";
	if pending[id] then
		settle(id, "taken");
		module:log("debug", "Invitation %s is the relay's, which asks for it", id);
	end
	local known = memory.fates[id];
	origin.send(st.reply(question):tag("handed-over", {
		xmlns = xmlns_handover;
		id = id;
		fate = known and known.fate or "unknown";
		passed = known and known.passed and "true" or nil;
	}));
	return true;
end);

-- Messages that the relay sends in an inviter's name come this way, like those that inviters send themselves. This
-- hook runs after all that may stop them.
local function passes(event)
	local stanza = event.stanza;
	local direct = stanza:get_child("x", xmlns_conference);
	if not direct or not direct.attr.jid or not stanza.attr.from or stanza.attr.type == "error" then
		return;
	end
	-- A message to the sender's own account has no `to` here.
	local key = whose(stanza.attr.from, stanza.attr.to or stanza.attr.from, direct.attr.jid);
	local id = memory.taken[key];
	if id then
		memory.taken[key] = nil;
		memory.fates[id].passed = true;
	end
end

-- Errors for what has left in a local user's name, from other servers or because one can't be reached. Those of local
-- contacts are not passed on: they tell who blocks whom. Ids of the relay's messages look like 0123abcd-42. Whether an
-- error is about one of them is for the relay to say. There may be other relays, so it takes its usual way as well.
local function came_back(event)
	local attr = event.stanza.attr;
	if attr.type ~= "error" or not attr.from or hosts[jid_host(attr.from)]
		or not (attr.id or ""):match("^%x%x%x%x%x%x%x%x%-%d+$") then
		return;
	end
	errors.newest = errors.newest % remembered_errors + 1;
	local iq = st.iq({ type = "set", id = "error-"..errors.newest, to = relay,
		from = jid_host(attr.to).."/muc-invite-relay" })
		:tag("came-back", { xmlns = xmlns_handover, id = attr.id, from = attr.from, to = attr.to });
	errors[errors.newest] = iq;
	if connected() then
		module:send(iq);
	end
end

local function relay_knows(event)
	local answer = event.stanza;
	local number = answer.attr.from == relay and (answer.attr.id or ""):match("^error%-(%d+)$");
	if number and (answer.attr.type == "result" or answer.attr.type == "error") then
		errors[tonumber(number)] = nil;
		return true;
	end
end

local function component_connected()
	for number = 1, remembered_errors do
		if errors[number] then
			module:send(errors[number]);
		end
	end
end

local function component_disconnected(event)
	for id, invitation in pairs(pending) do
		-- The event also comes for a connection that was refused beside the one in use.
		if invitation.session == event.session then
			deliver(id, "the relay disconnected");
		end
	end
end

local function watch(host)
	if host == relay then
		module:context(relay):hook("component-authenticated", component_connected);
		module:context(relay):hook("component-disconnected", component_disconnected);
	elseif hosts[host].type == "local" then
		module:context(host):hook("pre-message/bare", passes, -1000);
		-- To one of the contact's devices.
		module:context(host):hook("pre-message/full", passes, -1000);
		-- Before the server drops it.
		module:context(host):hook("message/bare", came_back, 1000);
		module:context(host):hook("iq/host", relay_knows, 10);
	end
end

-- Other hosts may come up before or after this one.
module:hook_global("host-activated", watch);
for host in pairs(hosts) do
	watch(host);
end

-- Clients are still connected then.
module:hook_global("server-stopping", function () deliver_all("the server stops"); end);

function module.unload()
	deliver_all("the module is unloaded");
end

-- Before a reload unloads it.
function module.save()
	return memory;
end

function module.restore(saved)
	memory = saved;
end

-- After "who may discover real addresses" (80-4).
module:hook("muc-config-form", function (event)
	table.insert(event.form, {
		name = config_field;
		type = "boolean";
		label = "Invitations name the person who invites";
		value = not event.room._data.hide_inviter;
	});
end, 80-5);

module:hook("muc-config-submitted/"..config_field, function (event)
	local data = event.room._data;
	local hide = not event.value or nil;
	if data.hide_inviter ~= hide then
		data.hide_inviter = hide;
		event.status_codes["104"] = true;
	end
end);
