//! The groups that a person may use, as items of the component. Knows nothing of how groups are changed.

use super::context::Context;
use crate::wire::disco::{DiscoItem, DiscoItems};
use crate::wire::{Iq, IqPayload, IqType};

/// Whether an IQ asks the component for its items (XEP-0030 §4).
#[must_use]
pub fn asks_for_groups(question: &Iq) -> bool {
    let asked = match question.payload.as_ref() {
        Some(IqPayload::DiscoItems(DiscoItems { node, .. })) => node.is_none(),
        _ => false,
    };
    let to = question.to.as_deref().unwrap_or_default();
    asked && question.kind() == Some(IqType::Get) && !to.contains('@')
}

/// The answer to such a question: the groups that the sender may use. `None` if it is another question, or the groups can't
/// be read.
pub(super) async fn groups_for(cx: &Context, question: &Iq) -> Option<Iq> {
    let person = asks_for_groups(question).then(|| cx.person(question)).flatten()?;
    let groups = cx.groups().await.ok()?;
    let items = groups.usable_by(&person).into_iter().map(|name| DiscoItem {
        jid: Some(format!("{name}@{}", cx.link.component())),
        name: Some(name.to_owned()),
        ..DiscoItem::default()
    });
    let items = DiscoItems { items: items.collect(), ..DiscoItems::default() };
    Some(Iq { payload: IqPayload::DiscoItems(items).into(), ..Iq::result_to(question) })
}
