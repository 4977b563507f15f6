//! Reads messages: what the derived code would do as well, which moves the whole half-read message for each tag and text in it.
//! Knows which elements a message may have, not what they mean.

use rxml::{AttrMap, Event, Namespace, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::{Discard, XmlNameMatcher};
use xso::{Context, FromEventsBuilder, FromXml};

use super::body::Body;
use super::conference::Conference;
use super::error::StanzaError;
use super::hint::Hint;
use super::muc_user::MucUser;
use super::ns;
use super::stanza::{Message, Privilege};
use super::xml::{is_named, take_attribute};

impl FromXml for Message {
    type Builder = MessageBuilder;

    fn from_events(
        name: QName,
        mut attrs: AttrMap,
        _: &Context<'_>,
    ) -> Result<MessageBuilder, FromEventsError> {
        if !is_named(&name, ns::COMPONENT, &["message"]) {
            return Err(FromEventsError::Mismatch { name, attrs });
        }
        let lang = attrs.remove(Namespace::xml(), "lang");
        let mut attribute = |name| take_attribute(&mut attrs, name);
        let message = Message {
            from: attribute("from"),
            to: attribute("to"),
            id: attribute("id"),
            type_: attribute("type"),
            lang,
            ..Message::default()
        };
        Ok(MessageBuilder { message, child: Child::None })
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::Specific(ns::COMPONENT, "message")
    }
}

/// Builder of a [`Message`].
pub struct MessageBuilder {
    message: Message,
    child: Child,
}

type Builder<T> = <T as FromXml>::Builder;

/// The child that is being read.
enum Child {
    None,
    MucUser(Builder<MucUser>),
    Conference(Builder<Conference>),
    Body(Builder<Body>),
    Hint(Builder<Hint>),
    // The large and rare ones are on the heap.
    Privilege(Box<Builder<Privilege>>),
    Error(Box<Builder<StanzaError>>),
    Unknown(Discard),
}

impl Child {
    fn begin(mut name: QName, mut attrs: AttrMap, context: &Context<'_>) -> Result<Self, Error> {
        macro_rules! or_else {
            ($type:ty, $child:expr) => {
                match <$type>::from_events(name, attrs, context) {
                    Ok(builder) => return Ok($child(builder)),
                    Err(FromEventsError::Invalid(error)) => return Err(error),
                    Err(FromEventsError::Mismatch { name: other, attrs: its }) => {
                        (name, attrs) = (other, its)
                    }
                }
            };
        }
        or_else!(MucUser, Self::MucUser);
        or_else!(Conference, Self::Conference);
        or_else!(Body, Self::Body);
        or_else!(Hint, Self::Hint);
        or_else!(Privilege, |builder| Self::Privilege(Box::new(builder)));
        or_else!(StanzaError, |builder| Self::Error(Box::new(builder)));
        drop((name, attrs));
        Ok(Self::Unknown(Discard::new()))
    }
}

impl FromEventsBuilder for MessageBuilder {
    type Output = Message;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Message>, Error> {
        let Self { message, child } = self;
        let ended = match child {
            Child::None => match event {
                Event::StartElement(_, name, attrs) => {
                    *child = Child::begin(name, attrs, context)?;
                    return Ok(None);
                }
                Event::EndElement(_) => return Ok(Some(std::mem::take(message))),
                Event::Text(..) | Event::XmlDeclaration(..) => return Ok(None),
            },
            Child::MucUser(child) => child.feed(event, context)?.map(|it| message.muc_user.push(it)),
            Child::Conference(child) => child.feed(event, context)?.map(|it| message.conference.push(it)),
            Child::Body(child) => child.feed(event, context)?.map(|it| message.body.extend([it])),
            Child::Hint(child) => child.feed(event, context)?.map(|it| message.hints.push(it)),
            Child::Privilege(child) => child.feed(event, context)?.map(|it| message.privilege.extend([it])),
            Child::Error(child) => child.feed(event, context)?.map(|it| message.error.extend([it])),
            Child::Unknown(child) => child.feed(event, context)?,
        };
        if ended.is_some() {
            self.child = Child::None;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::xml::First;
    use super::*;

    /// The derived code.
    #[derive(FromXml)]
    #[xml(namespace = ns::COMPONENT, name = "message", discard(text))]
    struct Derived {
        #[xml(attribute(default))]
        from: Option<String>,
        #[xml(attribute(default))]
        to: Option<String>,
        #[xml(attribute(default))]
        id: Option<String>,
        #[xml(attribute(name = "type", default))]
        type_: Option<String>,
        #[xml(attribute(namespace = ns::XML, name = "lang", default))]
        lang: Option<String>,
        #[xml(child(n = ..))]
        muc_user: Vec<MucUser>,
        #[xml(child(n = ..))]
        conference: Vec<Conference>,
        #[xml(child(n = ..))]
        body: First<Body>,
        #[xml(child(n = ..))]
        hints: Vec<Hint>,
        #[xml(child(n = ..))]
        privilege: First<Privilege>,
        #[xml(child(n = ..))]
        error: First<StanzaError>,
    }

    impl From<Derived> for Message {
        fn from(it: Derived) -> Self {
            let Derived { from, to, id, type_, lang, muc_user, conference, body, hints, privilege, error } =
                it;
            Self { from, to, id, type_, lang, muc_user, conference, body, hints, privilege, error }
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[a-z é@/]{0,12}"]
    }

    /// Children of a message, known ones and others, in good and in bad shape.
    fn child() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            text(),
            text().prop_map(|it| format!("<body>{it}<b>{it}</b></body>")),
            text().prop_map(|it| format!("<x xmlns='jabber:x:conference' jid='{it}' password='{it}'>{it}</x>")),
            Just("<x xmlns='jabber:x:conference'/>".to_owned()),
            text().prop_map(|it| format!(
                "<x xmlns='http://jabber.org/protocol/muc#user'><invite from='{it}'><reason>{it}</reason><continue \
                 thread='{it}'/></invite><password>{it}</password></x>"
            )),
            text().prop_map(|it| format!(
                "<x xmlns='http://jabber.org/protocol/muc#user'><decline from='{it}'/><item/><b>{it}</b></x>"
            )),
            Just("<store xmlns='urn:xmpp:hints'/>".to_owned()),
            Just("<strange xmlns='urn:xmpp:hints'/>".to_owned()),
            Just("<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>".to_owned()),
            Just("<privilege xmlns='urn:xmpp:privilege:2'><perm access='message' type='outgoing'/></privilege>".to_owned()),
            Just("<privilege xmlns='urn:xmpp:privilege:2'><perm/></privilege>".to_owned()),
            text().prop_map(|it| format!("<other xmlns='urn:a' a='{it}'>{it}<body>{it}</body></other>")),
        ];
        leaf.prop_recursive(3, 12, 3, |inner| {
            (prop::collection::vec(inner, 0..3), "[12]").prop_map(|(all, version)| {
                let all = all.concat();
                format!(
                    "<privilege xmlns='urn:xmpp:privilege:{version}'><forwarded xmlns='urn:xmpp:forward:0'><message \
                     xmlns='jabber:client' from='a@b'>{all}</message></forwarded></privilege>"
                )
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_the_derived_code_reads(
            children in prop::collection::vec(child(), 0..6),
            values in prop::collection::vec(prop::option::of("[a-z/@]{0,8}"), 6),
            namespace in prop_oneof![4 => Just(ns::COMPONENT), 1 => Just(ns::CLIENT)],
        ) {
            let names = ["from", "to", "id", "type", "xml:lang", "strange"];
            let attributes: String =
                names.iter().zip(values).filter_map(|(name, it)| Some(format!(" {name}='{}'", it?))).collect();
            let xml = format!("<message xmlns='{namespace}'{attributes}>{}</message>", children.concat());
            let derived = xso::from_bytes::<Derived>(xml.as_bytes()).map(Message::from);
            let ours = xso::from_bytes::<Message>(xml.as_bytes());
            prop_assert_eq!(ours.ok(), derived.ok());
        }
    }
}
