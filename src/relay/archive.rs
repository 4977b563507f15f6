//! Which archive hint (XEP-0334) suits the server, so that nobody is shown an invitation twice and nobody misses it.
//! Knows what servers do with hints, not what an invitation is.

use tokio::sync::OnceCell;
use tracing::{debug, info};

use crate::config;
use crate::link::{AskError, Link};
use crate::wire::direct::Hint;
use crate::wire::disco::DiscoInfo;
use crate::wire::query::Version;
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
            let Some(features) = self.features(host).await? else { continue };
            let software = self.software(host).await?;
            let (prosody, offline) = (software.as_deref() == Some("Prosody"), features.has("msgoffline"));
            let hint = match (prosody, offline) {
                (true, true) => Some(Hint::NoStore),
                (false, true) => None,
                (_, false) => Some(Hint::Store),
            };
            info!(
                host,
                software = software.as_deref().unwrap_or("unknown"),
                offline_storage = offline,
                hint = hint.map_or("none", Hint::as_str),
                "relay.archive = \"auto\" is settled"
            );
            return Ok(hint);
        }
        debug!("no host of the server says what it is: no archive hint is sent");
        Ok(None)
    }

    /// The features of a host of users, and of no other.
    async fn features(&self, host: &str) -> Result<Option<DiscoInfo>, AskError> {
        let answer = self.ask(host, IqPayload::DiscoInfo(DiscoInfo::default())).await?;
        Ok(match answer {
            Some(IqPayload::DiscoInfo(info))
                if info.identities.iter().any(|identity| identity.category.as_deref() == Some("server")) =>
            {
                Some(info)
            }
            _ => None,
        })
    }

    async fn software(&self, host: &str) -> Result<Option<String>, AskError> {
        let answer = self.ask(host, IqPayload::Version(Version::default())).await?;
        Ok(match answer {
            Some(IqPayload::Version(version)) => version.name.0,
            _ => None,
        })
    }

    async fn ask(&self, host: &str, question: IqPayload) -> Result<Option<IqPayload>, AskError> {
        match self.link.ask(host, IqType::Get, question).await {
            Ok(answer) => Ok(answer.payload.0),
            Err(AskError::Lost) => Err(AskError::Lost),
            Err(AskError::Refused(_) | AskError::Unanswered) => Ok(None),
        }
    }
}
