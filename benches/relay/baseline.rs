//! The least that a component on tokio-xmpp can do: it parses each invitation and sends one message. No journal, no question
//! to the room, no checks. The relay's speed is compared with it.

use anyhow::{Context, Result, bail};
use futures::{SinkExt, StreamExt};
use jid::{BareJid, Jid};
use tokio_xmpp::connect::DnsConfig;
use tokio_xmpp::xmlstream::Timeouts;
use tokio_xmpp::{Component, Stanza};
use xmpp_parsers::message::Message;
use xmpp_parsers::minidom::Element;

const MUC_USER: &str = "http://jabber.org/protocol/muc#user";
const CONFERENCE: &str = "jabber:x:conference";

/// Answers invitations until the server closes the stream.
pub async fn run(server: &str, component: &str, secret: &str) -> Result<()> {
    let mut stream =
        Component::new_plaintext(component, secret, DnsConfig::addr(server), Timeouts::tight()).await?;
    while let Some(stanza) = stream.next().await {
        let Stanza::Message(invitation) = stanza else { continue };
        let answer = answer(&invitation).context("not an invitation")?;
        stream.send(answer.into()).await?;
    }
    Ok(())
}

fn answer(invitation: &Message) -> Result<Message> {
    let (Some(room), Some(relay_address)) = (&invitation.from, &invitation.to) else { bail!("no addresses") };
    let invite = invitation
        .payloads
        .iter()
        .find(|payload| payload.is("x", MUC_USER))
        .and_then(|x| x.get_child("invite", MUC_USER))
        .context("no invite")?;
    let inviter: Jid = invite.attr("from").context("no inviter")?.parse()?;
    let reason = invite.get_child("reason", MUC_USER).map(Element::text).unwrap_or_default();
    let contact = relay_address.node().context("no contact")?.as_str().replace("\\40", "@");
    let sender = inviter.to_bare().to_string().replace('@', "\\40");

    let mut answer = Message::new(Jid::from(BareJid::new(&contact)?));
    answer.from = Some(BareJid::new(&format!("{sender}@{}", relay_address.domain()))?.into());
    answer.payloads.push(
        Element::builder("x", CONFERENCE)
            .attr("jid".try_into()?, room.to_string())
            .attr("reason".try_into()?, reason)
            .build(),
    );
    Ok(answer)
}
