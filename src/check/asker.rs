//! Asks the server questions: in the component's own name, or in the name of a user where only that is answered. Knows nothing
//! of what is asked.

use std::time::Duration;

use jid::BareJid;
use tokio::time::timeout;

use crate::link::{AskError, Link};
use crate::wire::{IqPayload, IqType};

/// For one question. Servers answer faster.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks in one of the two ways.
pub(super) struct Asker<'a> {
    pub(super) link: &'a Link,
    /// Whether the server answers no questions of the component itself.
    pub(super) swallows: bool,
    /// The user in whose name questions may be asked, if the server grants that.
    name: Option<BareJid>,
}

impl<'a> Asker<'a> {
    pub(super) async fn new(link: &'a Link, hosts: &[String]) -> Self {
        // There need not be such an account.
        let name = |host: &&String| BareJid::new(&format!("muc-invite-relay@{host}")).ok();
        let granted = hosts.iter().find(|host| link.grants(host).is_some_and(|grants| grants.disco_info));
        Self { link, swallows: link.swallows_bare_iqs().await, name: granted.as_ref().and_then(name) }
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
