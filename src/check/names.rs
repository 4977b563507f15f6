//! Whether other servers find the component by its name. Only some things need that, so it is never missing.
//! Knows nothing of what the server answers.

use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::finding::{Finding, What};
use crate::model::domain;

/// The machine's own resolver.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(2);

/// The port of servers (RFC 6120 §14.7). Only the address is looked up.
const SERVER_PORT: u16 = 5269;

/// Looks the component's name up as servers do that find no SRV record.
pub(super) async fn component(jid: &str) -> Finding {
    let finding = Finding::of(What::Dns, jid);
    let name = domain::a_labels(jid).unwrap_or_else(|| jid.to_owned());
    match timeout(LOOKUP_TIMEOUT, lookup_host((name, SERVER_PORT))).await {
        Ok(Ok(mut addresses)) => match addresses.next() {
            Some(address) => finding.ok(format!("other servers find it at {}", address.ip())),
            None => finding.note(NO_ADDRESS),
        },
        Ok(Err(_)) => finding.note(NO_ADDRESS),
        Err(_) => finding.note("not found out: the name servers do not answer in time"),
    }
}

const NO_ADDRESS: &str = "has no address in the DNS. Other servers need one, or an SRV record, for invitations from relay \
                          addresses to their users, for rooms of theirs that invite relay addresses, and for their users' \
                          commands (docs/install.md)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::finding::State;

    #[tokio::test]
    async fn a_name_with_an_address() {
        let finding = component("localhost").await;
        assert_eq!(finding.state, State::Ok, "{finding:?}");
    }
}
