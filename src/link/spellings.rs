//! How the server spells domains. Inside the relay every domain has its canonical form. Stanzas that come in are changed to
//! it; in stanzas that are sent, domains are spelled as the server has spelled them, because servers don't treat
//! `xn--rume-loa.example` and `räume.example` as the same domain.

use std::sync::Mutex;

use lru::LruCache;

use super::settings::Settings;
use crate::model::address::domain_of;
use crate::model::domain;
use crate::wire::Stanza;
use crate::wire::spelling::{canonicalise, each_address, respell};

/// How many domains with another spelling than the canonical one are remembered: those seen last.
const MAX_SPELLINGS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(10_000).unwrap();

/// Domains that the server does not spell in their canonical form.
#[derive(Debug)]
pub(super) struct Spellings {
    /// The component's domain, canonical.
    component: String,
    known: Mutex<LruCache<String, String>>,
}

impl Spellings {
    /// Learns how the configuration spells the domains and the domains above them, which holds until the server sends
    /// another spelling. Changes the domains in the settings to their canonical form.
    pub(super) fn of_settings(settings: &mut Settings) -> Self {
        let written = [settings.component.clone()];
        canonicalise(&mut settings.component);
        let this = Self::new(&settings.component, &written);
        this.take_in(settings);
        this
    }

    fn new(component: &str, written: &[String]) -> Self {
        let this = Self { component: component.to_owned(), known: Mutex::new(LruCache::new(MAX_SPELLINGS)) };
        this.learn_all(written);
        this
    }

    /// As [`Self::of_settings`], of hosts and MUC services alone.
    pub(super) fn take_in(&self, settings: &mut Settings) {
        let Settings { hosts, services, .. } = settings;
        let written: Vec<_> = hosts.iter().chain(&*services).cloned().collect();
        hosts.iter_mut().chain(services).for_each(canonicalise);
        self.learn_all(&written);
    }

    fn learn_all(&self, written: &[String]) {
        for domain in written {
            let above = domain.split_once('.').map(|(_, above)| above);
            // If two of them disagree, the less usual form was typed for a reason.
            let unusual =
                |domain: &&str| domain::canonical(domain).is_ok_and(|canonical| canonical != *domain);
            above.into_iter().chain([domain.as_str()]).filter(unusual).for_each(|domain| self.learn(domain));
        }
    }

    /// The component's domain as the server spells it.
    pub(super) fn component(&self) -> String {
        self.other(&self.component).unwrap_or_else(|| self.component.clone())
    }

    /// The other spelling of the component's domain: A-labels instead of U-labels, or the reverse.
    pub(super) fn other_of_component(&self) -> Option<String> {
        let (known, canonical) = (self.component(), self.component.clone());
        if known == canonical {
            domain::a_labels(&canonical).filter(|it| *it != canonical)
        } else {
            Some(canonical)
        }
    }

    /// Notes that the server spells the component's domain like this.
    pub(super) fn component_is(&self, written: &str) {
        self.learn(written);
    }

    /// Changes the domains in a stanza that came in to their canonical form, and learns how the sender's domain is spelled:
    /// the server has checked the sender's address.
    pub(super) fn canonicalise_incoming(&self, stanza: &mut Stanza) {
        let from = match &*stanza {
            Stanza::Message(message) => message.from.as_deref(),
            Stanza::Iq(iq) => iq.from.as_deref(),
            Stanza::Presence(presence) => presence.from.as_deref(),
            Stanza::Handshake | Stanza::StreamError(_) => None,
        };
        let from = domain_of(from.unwrap_or_default());
        if domain::has_spellings(from)
            && domain::canonical(from).is_ok_and(|canonical| canonical != self.component)
        {
            self.learn(from);
        }
        each_address(stanza, canonicalise);
    }

    /// Spells the domains in a stanza that is to be sent as the server spells them.
    pub(super) fn respell_outgoing(&self, stanza: &mut Stanza) {
        each_address(stanza, |address| respell(address, |domain| self.other(domain)));
    }

    fn other(&self, domain: &str) -> Option<String> {
        if !domain::has_spellings(domain) {
            return None;
        }
        self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(domain).cloned()
    }

    fn learn(&self, written: &str) {
        let Ok(canonical) = domain::canonical(written) else { return };
        let spelling = written.strip_suffix('.').unwrap_or(written).to_lowercase();
        if !domain::has_spellings(&canonical) || !domain::is_spelling_of(&spelling, &canonical) {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if canonical == spelling {
            known.pop(&*canonical);
        } else {
            known.put(canonical.into_owned(), spelling);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Message;

    fn message(from: &str, to: &str) -> Stanza {
        Stanza::Message(Message { from: Some(from.into()), to: Some(to.into()), ..Message::default() })
    }

    fn sent(spellings: &Spellings, to: &str) -> String {
        let mut stanza = message("invites.example", to);
        spellings.respell_outgoing(&mut stanza);
        let Stanza::Message(message) = stanza else { unreachable!() };
        message.to.unwrap()
    }

    #[test]
    fn what_is_sent_is_spelled_as_the_server_spells_it() {
        let spellings = Spellings::new("invites.example", &["rooms.xn--rume-loa.example".into()]);
        assert_eq!(sent(&spellings, "tea@rooms.räume.example"), "tea@rooms.xn--rume-loa.example");
        assert_eq!(
            sent(&spellings, "alice@räume.example/a"),
            "alice@xn--rume-loa.example/a",
            "the host above"
        );
        let mut heard = message("tea@Rooms.Räume.example/Alice", "bob@invites.example.");
        spellings.canonicalise_incoming(&mut heard);
        assert_eq!(heard, message("tea@rooms.räume.example/Alice", "bob@invites.example"));
        assert_eq!(sent(&spellings, "tea@rooms.räume.example"), "tea@rooms.räume.example", "it was heard");
        spellings
            .canonicalise_incoming(&mut message("tea@rooms.xn--rume-loa.example", "bob@invites.example"));
        assert_eq!(sent(&spellings, "tea@rooms.räume.example"), "tea@rooms.xn--rume-loa.example");
        assert_eq!(sent(&spellings, "EXAMPLE.ORG"), "EXAMPLE.ORG", "on purpose");
    }

    #[test]
    fn nobody_respells_what_they_did_not_send() {
        let spellings = Spellings::new("räume.example", &["räume.example".into()]);
        spellings.canonicalise_incoming(&mut message("eve@example.org", "bob@xn--rume-loa.example"));
        spellings.canonicalise_incoming(&mut message("eve@xn--rume-loa.example", "bob@räume.example"));
        assert_eq!(sent(&spellings, "räume.example"), "räume.example");
        // Nameprep would make another domain of it.
        spellings.canonicalise_incoming(&mut message("eve@straße.example", "bob@räume.example"));
        assert_eq!(sent(&spellings, "strasse.example"), "strasse.example");
    }
}
