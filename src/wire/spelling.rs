//! Visits all addresses in a stanza, to change how their domains are spelled. Knows where addresses stand, not what they
//! mean.

use super::came_back::CameBack;
use super::disco::DiscoItems;
use super::muc_user::MucUser;
use super::stanza::{Iq, IqPayload, Message, PrivilegeContent};
use super::top_level::Stanza;
use crate::model::address::split_resource;
use crate::model::domain;

/// Calls `visit` with each address in a stanza, and in the stanzas inside it.
pub fn each_address(stanza: &mut Stanza, mut visit: impl FnMut(&mut String)) {
    match stanza {
        Stanza::Message(message) => of_message(message, &mut visit),
        Stanza::Iq(iq) => of_iq(iq, &mut visit),
        Stanza::Presence(presence) => {
            presence.from.iter_mut().chain(&mut presence.to).for_each(visit);
        }
        Stanza::Handshake | Stanza::StreamError(_) => {}
    }
}

fn of_message(message: &mut Message, visit: &mut dyn FnMut(&mut String)) {
    message.from.iter_mut().chain(&mut message.to).for_each(&mut *visit);
    for MucUser { invites, declines, .. } in &mut message.muc_user {
        for invite in invites {
            invite.from.iter_mut().chain(&mut invite.to).for_each(&mut *visit);
        }
        for decline in declines {
            decline.from.iter_mut().chain(&mut decline.to).for_each(&mut *visit);
        }
    }
    message.conference.iter_mut().filter_map(|x| x.jid.as_mut()).for_each(&mut *visit);
    if let Some(privilege) = &mut message.privilege.0 {
        of_content(privilege.content_mut(), visit);
    }
}

fn of_iq(iq: &mut Iq, visit: &mut dyn FnMut(&mut String)) {
    iq.from.iter_mut().chain(&mut iq.to).for_each(&mut *visit);
    match &mut iq.payload.0 {
        Some(IqPayload::MucAdmin(query)) => {
            query.items.iter_mut().filter_map(|item| item.jid.as_mut()).for_each(visit);
        }
        Some(IqPayload::Roster(roster)) => {
            roster.items.iter_mut().filter_map(|item| item.jid.as_mut()).for_each(visit);
        }
        Some(IqPayload::BlockList(list)) => {
            list.items.iter_mut().filter_map(|item| item.jid.as_mut()).for_each(visit);
        }
        Some(IqPayload::DiscoItems(DiscoItems { items, .. })) => {
            items.iter_mut().filter_map(|item| item.jid.as_mut()).for_each(visit);
        }
        Some(IqPayload::HandOver(hand_over)) => {
            let message = hand_over.forwarded.0.as_mut().and_then(|it| it.message.0.as_mut());
            if let Some(message) = message {
                of_message(message, visit);
            }
        }
        Some(IqPayload::PrivilegedIq(privileged)) => {
            if let Some(inner) = &mut privileged.iq.0 {
                of_iq(inner, visit);
            }
        }
        Some(IqPayload::CameBack(CameBack { from, to, .. })) => {
            from.iter_mut().chain(to).for_each(visit);
        }
        Some(IqPayload::PrivilegeReply(content)) => of_content(content, visit),
        Some(
            IqPayload::DiscoInfo(_)
            | IqPayload::Ping
            | IqPayload::Version(_)
            | IqPayload::MucOwner(_)
            | IqPayload::Command(_)
            | IqPayload::HandOverFate(_),
        )
        | None => {}
    }
}

fn of_content(content: &mut PrivilegeContent, visit: &mut dyn FnMut(&mut String)) {
    if let Some(forwarded) = &mut content.forwarded.0 {
        if let Some(message) = &mut forwarded.message.0 {
            of_message(message, visit);
        }
        if let Some(iq) = &mut forwarded.iq.0 {
            of_iq(iq, visit);
        }
    }
}

/// Replaces the domain of an address by what `other` returns for it.
pub fn respell(address: &mut String, other: impl FnOnce(&str) -> Option<String>) {
    let (bare, _) = split_resource(address);
    let domain = bare.find('@').map_or(0, |at| at + 1)..bare.len();
    if let Some(other) = other(&bare[domain.clone()]) {
        address.replace_range(domain, &other);
    }
}

/// Replaces the domain of an address by its canonical form. A text that is not a domain, or whose canonical form is another
/// domain, stays as it is.
pub fn canonicalise(address: &mut String) {
    respell(address, |written| {
        if domain::is_plain(written) {
            return None;
        }
        let canonical = domain::canonical(written).ok()?;
        (canonical != written && domain::is_spelling_of(written, &canonical)).then(|| canonical.into_owned())
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_respelled_and_nothing_else() {
        for (written, canonical) in [
            ("tea@xn--rume-loa.example/Alice@Home", "tea@räume.example/Alice@Home"),
            ("XN--RUME-LOA.example./a", "räume.example/a"),
            ("ᵃlice@EXAMPLE.org", "ᵃlice@example.org"),
            ("straße.example", "straße.example"),
            ("a@@b", "a@@b"),
            ("", ""),
            ("@", "@"),
            ("/", "/"),
        ] {
            let mut address = written.to_owned();
            canonicalise(&mut address);
            assert_eq!(address, canonical);
        }
    }
}
