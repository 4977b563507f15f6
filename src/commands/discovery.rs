//! What the component says of itself: service discovery (XEP-0030), version (XEP-0092), ping (XEP-0199). A pure function from
//! question to answer.

use super::catalogue::Listed;
use crate::model::Language;
use crate::texts::{Id, text};
use crate::wire::disco::{DiscoInfo, DiscoItem, DiscoItems, Identity};
use crate::wire::query::Version;
use crate::wire::{Condition, Iq, IqPayload, IqType, ns};

/// The features of the component.
const COMPONENT_FEATURES: [&str; 5] =
    [ns::CONFERENCE, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VERSION];

/// The features of a command.
const COMMAND_FEATURES: [&str; 2] = [ns::COMMANDS, ns::DATA_FORMS];

/// The answer to an IQ whose sender may give these commands. `None` if it is an answer itself, which must not be answered
/// (RFC 6120 §8.2.3).
#[must_use]
pub fn answer(question: &Iq, commands: &[Listed]) -> Option<Iq> {
    let kind = question.kind();
    if matches!(kind, Some(IqType::Result | IqType::Error)) {
        return None;
    }
    let payload = match (kind, question.payload.as_ref()) {
        (None, _) => return Some(Iq::error_to(question, Condition::BadRequest)),
        (Some(IqType::Get), Some(IqPayload::DiscoInfo(DiscoInfo { node, .. }))) => {
            let Some(info) = info(node.as_deref(), commands, question.language()) else {
                return Some(Iq::error_to(question, Condition::ItemNotFound));
            };
            Some(IqPayload::DiscoInfo(info))
        }
        (Some(IqType::Get), Some(IqPayload::DiscoItems(DiscoItems { node, .. }))) => {
            let commands = if node.as_deref() == Some(ns::COMMANDS) { commands } else { &[] };
            let items = commands.iter().map(|command| DiscoItem {
                jid: question.to.clone(),
                node: Some(command.node.to_owned()),
                name: Some(command.name.clone()),
            });
            Some(IqPayload::DiscoItems(DiscoItems { node: node.clone(), items: items.collect() }))
        }
        (Some(IqType::Get), Some(IqPayload::Version(_))) => Some(IqPayload::Version(Version {
            name: env!("CARGO_PKG_NAME").to_owned().into(),
            version: env!("CARGO_PKG_VERSION").to_owned().into(),
            ..Version::default()
        })),
        (Some(IqType::Get), Some(IqPayload::Ping)) => None,
        _ => return Some(Iq::error_to(question, Condition::ServiceUnavailable)),
    };
    Some(Iq { payload: payload.into(), ..Iq::result_to(question) })
}

/// The identity and features of a node, or of the component itself; `None` if there is no such node for the sender.
fn info(node: Option<&str>, commands: &[Listed], language: Language) -> Option<DiscoInfo> {
    let (category, kind, name, mut features) = match node {
        None => ("component", "generic", text(language, Id::ComponentName), COMPONENT_FEATURES.to_vec()),
        Some(ns::COMMANDS) if !commands.is_empty() => {
            let name = text(language, Id::CommandList);
            ("automation", "command-list", name, vec![ns::DISCO_INFO, ns::DISCO_ITEMS])
        }
        Some(node) => {
            let command = commands.iter().find(|command| command.node == node)?;
            ("automation", "command-node", command.name.clone(), COMMAND_FEATURES.to_vec())
        }
    };
    if node.is_none() && !commands.is_empty() {
        features.push(ns::COMMANDS);
    }
    Some(DiscoInfo {
        node: node.map(str::to_owned),
        identities: vec![Identity {
            category: Some(category.to_owned()),
            type_: Some(kind.to_owned()),
            name: Some(name),
            ..Identity::default()
        }],
        features: features.into_iter().map(Into::into).collect(),
        ..DiscoInfo::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Listed {
        Listed { node: "my-settings", name: "My settings".to_owned() }
    }

    fn ask(payload: Option<IqPayload>, kind: &str) -> Iq {
        let question = Iq {
            from: Some("bob@example.org/phone".into()),
            to: Some("invites.example.org".into()),
            id: Some("q1".into()),
            type_: Some(kind.into()),
            payload: payload.into(),
            ..Iq::default()
        };
        let answer = answer(&question, &[command()]).expect("answered");
        assert_eq!(answer.to, question.from);
        assert_eq!(answer.from, question.to);
        assert_eq!(answer.id, question.id);
        answer
    }

    fn condition(answer: &Iq) -> Option<Condition> {
        assert_eq!(answer.kind(), Some(IqType::Error));
        *answer.error.as_ref().expect("an error").condition
    }

    #[test]
    fn it_says_what_it_is() {
        let answer = ask(Some(IqPayload::DiscoInfo(DiscoInfo::default())), "get");
        let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { panic!("{answer:?}") };
        assert!(info.has("jabber:x:conference") && info.has("urn:xmpp:ping"));
        assert_eq!(info.identities[0].category.as_deref(), Some("component"));
        assert_eq!(ask(Some(IqPayload::Ping), "get").kind(), Some(IqType::Result));
        let answer = ask(Some(IqPayload::Version(Version::default())), "get");
        let Some(IqPayload::Version(version)) = answer.payload.0 else { panic!("{answer:?}") };
        assert_eq!(version.name.as_deref(), Some("muc-invite-relay"));
    }

    #[test]
    fn whatever_else_is_asked_gets_an_error_and_no_answer_gets_one() {
        assert_eq!(condition(&ask(None, "get")), Some(Condition::ServiceUnavailable));
        assert_eq!(condition(&ask(Some(IqPayload::Ping), "set")), Some(Condition::ServiceUnavailable));
        assert_eq!(condition(&ask(Some(IqPayload::Ping), "wat")), Some(Condition::BadRequest));
        for kind in ["result", "error"] {
            assert_eq!(answer(&Iq { type_: Some(kind.into()), ..Iq::default() }, &[command()]), None);
        }
    }

    fn about(node: Option<&str>) -> IqPayload {
        IqPayload::DiscoInfo(DiscoInfo { node: node.map(str::to_owned), ..DiscoInfo::default() })
    }

    #[test]
    fn commands_are_listed_for_those_who_may_give_them() {
        let items = |node: &str| {
            IqPayload::DiscoItems(DiscoItems { node: Some(node.into()), ..DiscoItems::default() })
        };
        let Some(IqPayload::DiscoItems(list)) = ask(Some(items(ns::COMMANDS)), "get").payload.0 else {
            panic!("no list")
        };
        assert_eq!(list.node.as_deref(), Some(ns::COMMANDS));
        assert_eq!(list.items.len(), 1);
        assert_eq!(list.items[0].jid.as_deref(), Some("invites.example.org"));
        assert_eq!(list.items[0].node.as_deref(), Some("my-settings"));
        for (node, kind) in [(ns::COMMANDS, "command-list"), ("my-settings", "command-node")] {
            let answer = ask(Some(about(Some(node))), "get");
            let Some(IqPayload::DiscoInfo(info)) = answer.payload.0 else { panic!("{answer:?}") };
            assert_eq!(info.node.as_deref(), Some(node));
            assert_eq!(info.identities[0].type_.as_deref(), Some(kind));
        }
        assert_eq!(condition(&ask(Some(about(Some("statistics"))), "get")), Some(Condition::ItemNotFound));
        let Some(IqPayload::DiscoInfo(info)) = info(None, &[], Language::English).map(IqPayload::DiscoInfo)
        else {
            panic!()
        };
        assert!(!info.has(ns::COMMANDS), "on a relay address");
        assert!(super::info(Some(ns::COMMANDS), &[], Language::English).is_none());
    }
}
