//! Which archive hint (XEP-0334) suits the server, so that nobody is shown an invitation twice and nobody misses it.
//! Knows what servers do with hints, not what an invitation is.

use tokio::sync::OnceCell;
use tracing::{debug, info};

use crate::config;
use crate::link::{AskError, Link};
use crate::wire::direct::Hint;
use crate::wire::disco::DiscoInfo;
use crate::wire::{IqPayload, IqType};

/// The hint to send along.
#[derive(Debug)]
pub(super) struct Archive {
    configured: config::Archive,
    link: Link,
    hosts: Vec<String>,
    /// What was found out, once.
    found: OnceCell<Option<Hint>>,
}

impl Archive {
    pub(super) fn new(configured: config::Archive, link: Link, hosts: Vec<String>) -> Self {
        Self { configured, link, hosts, found: OnceCell::new() }
    }

    /// The hint for this server.
    ///
    /// # Errors
    /// The link was lost while the server was asked.
    pub(super) async fn hint(&self) -> Result<Option<Hint>, AskError> {
        match self.configured {
            config::Archive::Store => Ok(Some(Hint::Store)),
            config::Archive::NoStore => Ok(Some(Hint::NoStore)),
            config::Archive::None => Ok(None),
            config::Archive::Auto => self.found.get_or_try_init(|| self.find_out()).await.copied(),
        }
    }

    /// Prosody stores a message that nobody archives for a contact who is offline, and its archive would bring the
    /// invitation back to both sides. ejabberd archives none without a body. Where only an archive keeps messages for
    /// people who are offline, the invitation must go there.
    async fn find_out(&self) -> Result<Option<Hint>, AskError> {
        for host in &self.hosts {
            let Some(info) = self.features(host).await? else { continue };
            let Some(server) = info.identities.iter().find(|it| it.category.as_deref() == Some("server"))
            else {
                continue;
            };
            let (prosody, offline) = (server.name.as_deref() == Some("Prosody"), info.has("msgoffline"));
            let hint = match (prosody, offline) {
                (true, true) => Some(Hint::NoStore),
                (false, true) => None,
                (_, false) => Some(Hint::Store),
            };
            info!(
                host,
                software = server.name.as_deref().unwrap_or("unknown"),
                offline_storage = offline,
                hint = hint.map_or("none", Hint::as_str),
                "relay.archive = \"auto\" is settled"
            );
            return Ok(hint);
        }
        debug!("no host of the server says what it is: no archive hint is sent");
        Ok(None)
    }

    async fn features(&self, host: &str) -> Result<Option<DiscoInfo>, AskError> {
        match self.link.ask(host, IqType::Get, IqPayload::DiscoInfo(DiscoInfo::default())).await {
            Ok(answer) => Ok(match answer.payload.0 {
                Some(IqPayload::DiscoInfo(info)) => Some(info),
                _ => None,
            }),
            Err(AskError::Lost) => Err(AskError::Lost),
            Err(AskError::Refused(_) | AskError::Swallowed | AskError::Unanswered) => Ok(None),
        }
    }
}
