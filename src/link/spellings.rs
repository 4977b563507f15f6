//! In which letters the server writes a domain. Inside the relay every domain has its canonical form; what comes in gets
//! that, and what goes out gets the spelling in which the server itself has written the domain, because servers don't
//! know `xn--rume-loa.example` under the name of `räume.example`, nor the other way round.

use std::sync::Mutex;

use lru::LruCache;

use super::settings::Settings;
use crate::model::address::domain_of;
use crate::model::domain;
use crate::wire::Stanza;
use crate::wire::spelling::{canonicalise, each_address, respell};

/// Domains in another spelling than the canonical one that are remembered: those of the configuration and those that
/// were seen last.
const MAX_SPELLINGS: std::num::NonZeroUsize = std::num::NonZeroUsize::new(10_000).unwrap();

/// Domains, and how the server writes them where that is not the canonical form.
#[derive(Debug)]
pub(super) struct Spellings {
    /// The component's own, which is as it was configured: the server knows us under that.
    component: String,
    known: Mutex<LruCache<String, String>>,
}

impl Spellings {
    /// As the domains are written in the configuration, which get their canonical form, and for the domains above them:
    /// until the server is heard.
    pub(super) fn of_settings(settings: &mut Settings) -> Self {
        let Settings { component, hosts, services, .. } = settings;
        let written: Vec<_> = hosts.iter().chain(&*services).chain([&*component]).cloned().collect();
        hosts.iter_mut().chain(services).chain([&mut *component]).for_each(canonicalise);
        Self::new(component, &written)
    }

    fn new(component: &str, written: &[String]) -> Self {
        let this = Self { component: component.to_owned(), known: Mutex::new(LruCache::new(MAX_SPELLINGS)) };
        for domain in written {
            let above = domain.split_once('.').map(|(_, above)| above);
            // Where two of them disagree, somebody has typed the less usual form for a reason.
            let unusual =
                |domain: &&str| domain::canonical(domain).is_ok_and(|canonical| canonical != *domain);
            above.into_iter().chain([domain.as_str()]).filter(unusual).for_each(|domain| this.learn(domain));
        }
        this
    }

    /// The component's name as the server knows it.
    pub(super) fn component(&self) -> String {
        self.other(&self.component).unwrap_or_else(|| self.component.clone())
    }

    /// Its other spelling: A-labels for U-labels, or the other way round.
    pub(super) fn other_of_component(&self) -> Option<String> {
        let (known, canonical) = (self.component(), self.component.clone());
        if known == canonical {
            domain::a_labels(&canonical).filter(|it| *it != canonical)
        } else {
            Some(canonical)
        }
    }

    /// The server knows the component under this name.
    pub(super) fn component_is(&self, written: &str) {
        self.learn(written);
    }

    /// A stanza has come: its domains get their canonical form. The server vouches for its sender, so that is how this
    /// domain is written.
    pub(super) fn heard(&self, stanza: &mut Stanza) {
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

    /// A stanza is about to go: its domains are written as the server writes them.
    pub(super) fn say(&self, stanza: &mut Stanza) {
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
        spellings.say(&mut stanza);
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
        spellings.heard(&mut heard);
        assert_eq!(heard, message("tea@rooms.räume.example/Alice", "bob@invites.example"));
        assert_eq!(sent(&spellings, "tea@rooms.räume.example"), "tea@rooms.räume.example", "it was heard");
        spellings.heard(&mut message("tea@rooms.xn--rume-loa.example", "bob@invites.example"));
        assert_eq!(sent(&spellings, "tea@rooms.räume.example"), "tea@rooms.xn--rume-loa.example");
        assert_eq!(sent(&spellings, "EXAMPLE.ORG"), "EXAMPLE.ORG", "on purpose");
    }

    #[test]
    fn nobody_respells_what_they_did_not_send() {
        let spellings = Spellings::new("räume.example", &["räume.example".into()]);
        spellings.heard(&mut message("eve@example.org", "bob@xn--rume-loa.example"));
        spellings.heard(&mut message("eve@xn--rume-loa.example", "bob@räume.example"));
        assert_eq!(sent(&spellings, "räume.example"), "räume.example");
        // Nameprep would make another domain of it.
        spellings.heard(&mut message("eve@straße.example", "bob@räume.example"));
        assert_eq!(sent(&spellings, "strasse.example"), "strasse.example");
    }
}
