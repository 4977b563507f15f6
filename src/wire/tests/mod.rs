//! What servers were seen to send and to accept, what the hostile may send, and what must hold whatever comes.

mod caps;
mod clients;
mod commands;
mod ejabberd;
mod hostile;
mod properties;
mod prosody;
mod secrets;

use jid::BareJid;
use xso::AsXml;

use super::stanza::{Iq, Message};
use super::top_level::{Stanza, parse};

fn message(xml: &str) -> Message {
    match parse(xml.as_bytes()) {
        Ok(Stanza::Message(message)) => message,
        other => panic!("not a message: {other:?}"),
    }
}

fn iq(xml: &str) -> Iq {
    match parse(xml.as_bytes()) {
        Ok(Stanza::Iq(iq)) => iq,
        other => panic!("not an IQ: {other:?}"),
    }
}

fn jid(text: &str) -> BareJid {
    BareJid::new(text).unwrap()
}

/// A stanza as it goes out, shortened to what is to be seen: without the namespace that the stream declares.
fn written(stanza: &impl AsXml) -> String {
    let xml = String::from_utf8(xso::to_vec(stanza).unwrap()).unwrap();
    xml.replacen(" xmlns='jabber:component:accept'", "", 1)
}

/// A stanza that has been written and read again.
fn reread(stanza: &impl AsXml) -> Stanza {
    parse(&xso::to_vec(stanza).unwrap()).unwrap()
}
