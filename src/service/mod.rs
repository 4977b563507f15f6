//! What the component says of itself: disco (XEP-0030), version (XEP-0092), ping (XEP-0199). On its domain and on relay
//! addresses alike, so that a client finds out that direct invitations can be sent there (XEP-0249 §2).
//!
//! A pure function from question to answer. Knows nothing of invitations.

use crate::wire::disco::{DiscoInfo, DiscoItems, Identity};
use crate::wire::query::Version;
use crate::wire::{Condition, Iq, IqPayload, IqType, ns};

/// What the component is called, for people.
const NAME: &str = "Invitation relay";

/// What it can do.
const FEATURES: [&str; 5] = [ns::CONFERENCE, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VERSION];

/// The answer to a question. `None` for what is none and must not be answered (RFC 6120 §8.2.3).
#[must_use]
pub fn answer(question: &Iq) -> Option<Iq> {
    let kind = question.kind();
    if matches!(kind, Some(IqType::Result | IqType::Error)) {
        return None;
    }
    let payload = match (kind, question.payload.as_ref()) {
        (None, _) => return Some(Iq::error_to(question, Condition::BadRequest)),
        (Some(IqType::Get), Some(IqPayload::DiscoInfo(DiscoInfo { node: Some(_), .. }))) => {
            return Some(Iq::error_to(question, Condition::ItemNotFound));
        }
        (Some(IqType::Get), Some(IqPayload::DiscoInfo(_))) => Some(IqPayload::DiscoInfo(DiscoInfo {
            identities: vec![Identity {
                category: Some("component".to_owned()),
                type_: Some("generic".to_owned()),
                name: Some(NAME.to_owned()),
            }],
            features: FEATURES.into_iter().map(Into::into).collect(),
            ..DiscoInfo::default()
        })),
        (Some(IqType::Get), Some(IqPayload::DiscoItems(DiscoItems { node, .. }))) => {
            Some(IqPayload::DiscoItems(DiscoItems { node: node.clone(), items: Vec::new() }))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(payload: Option<IqPayload>, kind: &str) -> Iq {
        let question = Iq {
            from: Some("bob@example.org/phone".into()),
            to: Some("invites.example.org".into()),
            id: Some("q1".into()),
            type_: Some(kind.into()),
            payload: payload.into(),
            ..Iq::default()
        };
        let answer = answer(&question).expect("answered");
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
            assert_eq!(answer(&Iq { type_: Some(kind.into()), ..Iq::default() }), None);
        }
    }
}
