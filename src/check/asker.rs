//! Asks the server by the way that works: in the component's own name, or in that of a user. Knows nothing of what is asked.

use std::time::Duration;

use jid::BareJid;
use tokio::time::timeout;

use crate::link::{AskError, Link};
use crate::wire::{IqPayload, IqType};

/// For one question: servers answer at once.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Somebody to ask: the component, or a user in whose name it may ask where its own questions vanish.
pub(super) struct Asker<'a> {
    pub(super) link: &'a Link,
    pub(super) swallows: bool,
    name: Option<BareJid>,
}

impl<'a> Asker<'a> {
    pub(super) async fn new(link: &'a Link, hosts: &[String]) -> Self {
        // The account need not exist.
        let name = |host: &&String| BareJid::new(&format!("muc-invite-relay@{host}")).ok();
        let granted = hosts.iter().find(|host| link.grants(host).is_some_and(|grants| grants.disco_info));
        Self { link, swallows: link.swallows().await, name: granted.as_ref().and_then(name) }
    }

    pub(super) async fn ask(&self, to: &str, question: IqPayload) -> Result<IqPayload, AskError> {
        let asked = async {
            match &self.name {
                Some(name) if self.swallows => self.link.ask_as(name, to, IqType::Get, question).await,
                _ => self.link.ask(to, IqType::Get, question).await,
            }
        };
        let answer = timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| AskError::Unanswered)??;
        answer.payload.0.ok_or(AskError::Unanswered)
    }
}
