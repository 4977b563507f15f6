//! Writes the messages that are sent most, invitations, straight into a buffer: the same bytes as the encoder makes of them, at a
//! fifth of the cost. Knows the shapes, not what they mean; all other stanzas go through the encoder.

use bytes::{BufMut, BytesMut};

use super::conference::Conference;
use super::ns;
use super::password::Password;
use super::stanza::{Message, Privilege, PrivilegeContent};

/// The text has a character that XML forbids (XML 1.0 §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a character that XML forbids")]
pub struct Forbidden;

/// Appends a message, behind a stream header that has declared `jabber:component:accept`. `false`, and nothing is appended: it has
/// an element that is not written here.
///
/// # Errors
/// [`Forbidden`]. Part of the message may have been appended.
pub fn message(message: &Message, out: &mut BytesMut) -> Result<bool, Forbidden> {
    let Message { muc_user, privilege, error, .. } = message;
    if !muc_user.is_empty() || error.is_some() {
        return Ok(false);
    }
    let Some(privilege) = privilege.as_ref() else {
        open(message, "", out)?;
        close(out);
        return Ok(true);
    };
    let (namespace, content) = match privilege {
        Privilege::V2(content) => (ns::PRIVILEGE_2, content),
        Privilege::V1(content) => (ns::PRIVILEGE_1, &**content),
    };
    let Some(inner) = forwarded_alone(content) else { return Ok(false) };
    open(message, "", out)?;
    for head in ["<privilege xmlns='", namespace, "'><forwarded xmlns='", ns::FORWARD, "'>"] {
        out.put_slice(head.as_bytes());
    }
    open(inner, ns::CLIENT, out)?;
    close(out);
    out.put_slice(b"</forwarded></privilege>");
    close(out);
    Ok(true)
}

/// The message in a user's name, if there is nothing else, nor anything in it that is not written here.
fn forwarded_alone(content: &PrivilegeContent) -> Option<&Message> {
    let forwarded = content.forwarded.as_ref().filter(|it| it.iq.is_none() && content.perms.is_empty())?;
    let inner: &Message = forwarded.message.as_ref()?;
    let Message { muc_user, privilege, error, .. } = inner;
    (muc_user.is_empty() && privilege.is_none() && error.is_none()).then_some(inner)
}

/// The start tag and the children in the order of [`Message`]'s fields, without privilege and error.
fn open(message: &Message, namespace: &str, out: &mut BytesMut) -> Result<(), Forbidden> {
    let Message { from, to, id, type_, lang, conference, body, hints, .. } = message;
    out.put_slice(b"<message");
    if !namespace.is_empty() {
        attribute("xmlns", Some(namespace), out)?;
    }
    for (name, value) in [("from", from), ("to", to), ("id", id), ("type", type_), ("xml:lang", lang)] {
        attribute(name, value.as_deref(), out)?;
    }
    out.put_u8(b'>');
    for x in conference {
        let Conference { jid, reason, password, continue_, thread } = x;
        out.put_slice(b"<x");
        attribute("xmlns", Some(ns::CONFERENCE), out)?;
        attribute("jid", jid.as_deref(), out)?;
        attribute("reason", reason.as_deref(), out)?;
        attribute("password", password.as_ref().map(Password::expose), out)?;
        attribute("continue", continue_.then_some("true"), out)?;
        attribute("thread", thread.as_deref(), out)?;
        out.put_slice(b"></x>");
    }
    if let Some(body) = body.as_ref() {
        out.put_slice(b"<body>");
        escaped(body.text(), false, out)?;
        out.put_slice(b"</body>");
    }
    for hint in hints {
        for part in ["<", hint.as_str(), " xmlns='", ns::HINTS, "'/>"] {
            out.put_slice(part.as_bytes());
        }
    }
    Ok(())
}

fn close(out: &mut BytesMut) {
    out.put_slice(b"</message>");
}

fn attribute(name: &str, value: Option<&str>, out: &mut BytesMut) -> Result<(), Forbidden> {
    let Some(value) = value else { return Ok(()) };
    out.put_u8(b' ');
    out.put_slice(name.as_bytes());
    out.put_slice(b"='");
    escaped(value, true, out)?;
    out.put_u8(b'\'');
    Ok(())
}

fn escaped(text: &str, in_attribute: bool, out: &mut BytesMut) -> Result<(), Forbidden> {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'<' => b"&lt;",
            b'>' => b"&gt;",
            b'&' => b"&amp;",
            b'\r' => b"&#xd;",
            b'"' if in_attribute => b"&#34;",
            b'\'' if in_attribute => b"&#39;",
            b'\n' if in_attribute => b"&#xa;",
            b'\t' if in_attribute => b"&#x9;",
            b'\n' | b'\t' => continue,
            0..0x20 => return Err(Forbidden),
            // U+FFFE and U+FFFF.
            0xbe | 0xbf if bytes[..at].ends_with(b"\xef\xbf") => return Err(Forbidden),
            _ => continue,
        };
        out.put_slice(&bytes[written..at]);
        out.put_slice(escape);
        written = at + 1;
    }
    out.put_slice(&bytes[written..]);
    Ok(())
}
