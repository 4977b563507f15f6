//! The XML namespaces of all elements that are read or written. Names only.

/// XEP-0114: the stanzas on a component's stream.
pub const COMPONENT: &str = "jabber:component:accept";
/// RFC 6121: a stanza inside another one.
pub const CLIENT: &str = "jabber:client";
/// RFC 6120 §4.8: `<stream:error/>`.
pub const STREAM: &str = "http://etherx.jabber.org/streams";
/// RFC 6120 §4.9.3: the conditions in a stream error.
pub const STREAM_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
/// RFC 6120 §8.3.3: the conditions in a stanza error.
pub const STANZA_ERRORS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
/// XEP-0045: the feature of a MUC service and of a room.
pub const MUC: &str = "http://jabber.org/protocol/muc";
/// XEP-0045 §7.8.2: mediated invitations and declines.
pub const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
/// XEP-0045 §9: affiliation and role lists.
pub const MUC_ADMIN: &str = "http://jabber.org/protocol/muc#admin";
/// XEP-0045 §10: making and destroying rooms.
pub const MUC_OWNER: &str = "http://jabber.org/protocol/muc#owner";
/// XEP-0249: direct invitations.
pub const CONFERENCE: &str = "jabber:x:conference";
/// XEP-0334: archive hints.
pub const HINTS: &str = "urn:xmpp:hints";
/// XEP-0297: a stanza inside another one.
pub const FORWARD: &str = "urn:xmpp:forward:0";
/// XEP-0356 before version 0.4.
pub const PRIVILEGE_1: &str = "urn:xmpp:privilege:1";
/// XEP-0356 since version 0.4.
pub const PRIVILEGE_2: &str = "urn:xmpp:privilege:2";
/// Our own: a server module hands an invitation over.
pub const HAND_OVER: &str = "urn:x-muc-invite-relay:0";
/// XEP-0030.
pub const DISCO_INFO: &str = "http://jabber.org/protocol/disco#info";
/// XEP-0030.
pub const DISCO_ITEMS: &str = "http://jabber.org/protocol/disco#items";
/// XEP-0050: commands, their conditions, and the disco node that lists them.
pub const COMMANDS: &str = "http://jabber.org/protocol/commands";
/// XEP-0115.
pub const CAPS: &str = "http://jabber.org/protocol/caps";
/// XML 1.0: the prefix `xml`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
/// XEP-0004.
pub const DATA_FORMS: &str = "jabber:x:data";
/// XEP-0199.
pub const PING: &str = "urn:xmpp:ping";
/// XEP-0092.
pub const VERSION: &str = "jabber:iq:version";
/// RFC 6121 §2.
pub const ROSTER: &str = "jabber:iq:roster";
/// XEP-0191.
pub const BLOCKING: &str = "urn:xmpp:blocking";
