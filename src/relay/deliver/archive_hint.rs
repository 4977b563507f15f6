//! Finds out which software a contact's host is, and which archive hint (XEP-0334) it needs, so that a contact sees an
//! invitation exactly once. Knows what servers do with hints, not what an invitation is.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jid::BareJid;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::info;

use crate::config::{self, Live};
use crate::link::{AskError, Epoch, Link};
use crate::wire::IqPayload;
use crate::wire::disco::DiscoInfo;
use crate::wire::hint::Hint;

/// The pause before a server that did not say what it is is asked again.
const SERVER_INFO_RETRY_PAUSE: Duration = Duration::from_secs(60);

/// What Prosody calls itself.
const PROSODY: &str = "Prosody";

/// The hint to send along.
#[derive(Debug)]
pub(crate) struct ArchiveHint {
    link: Link,
    config: Live,
    /// By host. One that is slow delays none of the others.
    hosts: std::sync::Mutex<HashMap<String, Arc<Mutex<Found>>>>,
}

/// What has been found out about a host.
#[derive(Debug, Clone, Copy, Default)]
enum Found {
    #[default]
    NotYet,
    /// It did not say, when it was asked at this moment.
    Nothing(Instant),
    /// On this connection: with another one it may have been set up anew.
    Server { prosody: bool, hint: Hint, on: Epoch },
}

impl ArchiveHint {
    pub(crate) fn new(link: Link, config: Live) -> Self {
        Self { link, config, hosts: std::sync::Mutex::default() }
    }

    /// The hint for an invitation to this contact, as it is configured. Their host may be asked in the inviter's name where
    /// it swallows the relay's own questions.
    ///
    /// # Errors
    /// The link was lost while the host was asked.
    pub(super) async fn hint(
        &self,
        configured: config::Archive,
        inviter: Option<&BareJid>,
        contact: &BareJid,
    ) -> Result<Option<Hint>, AskError> {
        Ok(match configured {
            config::Archive::Store => Some(Hint::Store),
            config::Archive::NoStore => Some(Hint::NoStore),
            config::Archive::None => None,
            config::Archive::Auto => {
                let host = contact.domain().as_str();
                // A server elsewhere may be of any make.
                let is_ours = self.config.load().is_own_host(host);
                Some(if is_ours { self.found(host, inviter).await?.hint() } else { Hint::Store })
            }
        })
    }

    /// Whether one of the hosts says that it is Prosody.
    ///
    /// # Errors
    /// See [`Self::hint`].
    pub(super) async fn is_prosody(&self, inviter: Option<&BareJid>) -> Result<bool, AskError> {
        for host in self.config.load().own_hosts() {
            if let Found::Server { prosody, .. } = self.found(&host, inviter).await? {
                return Ok(prosody);
            }
        }
        Ok(false)
    }

    async fn found(&self, host: &str, inviter: Option<&BareJid>) -> Result<Found, AskError> {
        let known = {
            let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(hosts.entry(host.to_owned()).or_default())
        };
        let mut found = known.lock().await;
        let on = self.link.epoch().map_err(|_| AskError::Lost)?;
        match *found {
            Found::Server { on: then, .. } if then == on => return Ok(*found),
            Found::Nothing(asked) if asked.elapsed() < SERVER_INFO_RETRY_PAUSE => return Ok(*found),
            _ => {}
        }
        let before = std::mem::replace(&mut *found, self.find_out(host, inviter, on).await?);
        if !found.says_the_same_as(before) {
            info!(host, hint = found.hint().as_str(), "relay.archive = \"auto\" is settled");
        }
        Ok(*found)
    }

    async fn find_out(&self, host: &str, inviter: Option<&BareJid>, on: Epoch) -> Result<Found, AskError> {
        let info = self.ask(host, inviter).await?.unwrap_or_default();
        let Some(server) = info.identities.iter().find(|it| it.category.as_deref() == Some("server")) else {
            return Ok(Found::Nothing(Instant::now()));
        };
        let software = server.name.as_deref().unwrap_or("unknown");
        Ok(Found::Server { prosody: software == PROSODY, hint: suits(software, info.has("msgoffline")), on })
    }

    async fn ask(&self, host: &str, inviter: Option<&BareJid>) -> Result<Option<DiscoInfo>, AskError> {
        let question = || IqPayload::DiscoInfo(DiscoInfo::default());
        match self.link.ask_in_any_name(inviter, host, question).await {
            Ok(answer) => Ok(match answer.payload.0 {
                Some(IqPayload::DiscoInfo(info)) => Some(info),
                _ => None,
            }),
            Err(AskError::Lost) => Err(AskError::Lost),
            Err(_) => Ok(None),
        }
    }
}

impl Found {
    /// Whether a log line about it would say nothing new.
    fn says_the_same_as(self, before: Self) -> bool {
        let said = |found| match found {
            Self::NotYet => None,
            Self::Nothing(_) => Some((false, Hint::Store)),
            Self::Server { prosody, hint, .. } => Some((prosody, hint)),
        };
        said(self) == said(before)
    }

    /// What loses no invitation where the host does not say what it is.
    fn hint(self) -> Hint {
        if let Self::Server { hint, .. } = self { hint } else { Hint::Store }
    }
}

/// The hint with which a contact of this server gets the invitation in any case.
///
/// Prosody keeps a message for a contact who is offline, or whose client does not come back, whatever the hint, and archives
/// it for both sides unless it is told not to. ejabberd keeps only what is to be stored: without the hint it loses an
/// invitation if the contact's client lost its connection, or if `mod_offline` keeps no messages without a body. Other
/// makes are not known.
fn suits(software: &str, offline_storage: bool) -> Hint {
    if software == PROSODY && offline_storage { Hint::NoStore } else { Hint::Store }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_that_suits() {
        assert_eq!(suits("Prosody", true), Hint::NoStore);
        for (software, offline_storage) in
            [("Prosody", false), ("ejabberd", true), ("ejabberd", false), ("Tigase", true)]
        {
            assert_eq!(suits(software, offline_storage), Hint::Store, "{software}");
        }
    }
}
