//! Finds out which software the server is, and which archive hint (XEP-0334) it needs, so that a contact sees an invitation
//! exactly once. Knows what servers do with hints, not what an invitation is.

use std::time::Duration;

use jid::BareJid;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tracing::info;

use crate::config::{self, Live};
use crate::link::{AskError, Link};
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
    found: Mutex<Found>,
}

/// What has been found out about the server.
#[derive(Debug, Clone, Copy)]
enum Found {
    NotYet,
    /// It did not say, when it was asked at this moment.
    Nothing(Instant),
    Server {
        prosody: bool,
        hint: Hint,
    },
}

impl ArchiveHint {
    pub(crate) fn new(link: Link, config: Live) -> Self {
        Self { link, config, found: Mutex::new(Found::NotYet) }
    }

    /// The hint for an invitation to this contact, as it is configured. The server may be asked in the inviter's name where
    /// it swallows the relay's own questions.
    ///
    /// # Errors
    /// The link was lost while the server was asked.
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
                // A server elsewhere may be of any make.
                let hosts = self.config.load().own_hosts();
                let is_ours = hosts.iter().any(|host| host == contact.domain().as_str());
                Some(match self.found(inviter).await? {
                    Found::Server { hint, .. } if is_ours => hint,
                    _ => Hint::Store,
                })
            }
        })
    }

    /// Whether it says that it is Prosody.
    ///
    /// # Errors
    /// See [`Self::hint`].
    pub(super) async fn is_prosody(&self, inviter: Option<&BareJid>) -> Result<bool, AskError> {
        Ok(matches!(self.found(inviter).await?, Found::Server { prosody: true, .. }))
    }

    async fn found(&self, inviter: Option<&BareJid>) -> Result<Found, AskError> {
        let mut found = self.found.lock().await;
        match *found {
            Found::Server { .. } => return Ok(*found),
            Found::Nothing(asked) if asked.elapsed() < SERVER_INFO_RETRY_PAUSE => return Ok(*found),
            Found::Nothing(_) | Found::NotYet => {}
        }
        *found = self.find_out(inviter).await?;
        Ok(*found)
    }

    async fn find_out(&self, inviter: Option<&BareJid>) -> Result<Found, AskError> {
        let hosts = self.config.load().own_hosts();
        for host in &hosts {
            let Some(info) = self.ask(host, inviter).await? else { continue };
            let Some(server) = info.identities.iter().find(|it| it.category.as_deref() == Some("server"))
            else {
                continue;
            };
            let software = server.name.as_deref().unwrap_or("unknown");
            let offline = info.has("msgoffline");
            let hint = suits(software, offline);
            info!(
                host,
                software,
                offline_storage = offline,
                hint = hint.as_str(),
                "relay.archive = \"auto\" is settled"
            );
            return Ok(Found::Server { prosody: software == PROSODY, hint });
        }
        info!("no host of the server says what it is: relay.archive = \"auto\" means \"store\" for now");
        Ok(Found::Nothing(Instant::now()))
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
