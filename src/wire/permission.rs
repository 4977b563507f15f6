//! The `<perm/>` element of XEP-0356, in which a server lists what it permits a component. Knows its shape;
//! [`super::privileged`] reads what is granted.

use rxml::{AttrMap, Event, QName};
use xso::error::{Error, FromEventsError};
use xso::fromxml::{Discard, XmlNameMatcher};
use xso::{AsXml, Context, FromEventsBuilder, FromXml};

use super::ns;
use super::xml::{is_named, take_attribute};

/// `<perm/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "perm", discard(text))]
pub struct Perm {
    /// `message`, `roster`, `iq`, `presence`.
    #[xml(attribute(default))]
    pub access: Option<String>,
    /// The permission, such as `outgoing`, `get`, `both`; absent or `none`: none.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// With `iq`: the payloads that it is about.
    #[xml(child(n = ..))]
    pub namespaces: Vec<Namespaces>,
}

/// A `<namespace/>`, and those inside it: one server nests these elements, which should be siblings.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Namespaces(pub(super) Vec<Namespace>);

/// `<namespace/>`.
#[derive(AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::PRIVILEGE_2, name = "namespace")]
pub struct Namespace {
    /// The payload's namespace.
    #[xml(attribute)]
    pub ns: Option<String>,
    /// The types of IQ: `get`, `set`, `both`.
    #[xml(attribute = "type")]
    pub type_: Option<String>,
}

impl Namespace {
    fn from_head(name: &QName, mut attrs: AttrMap) -> Result<Self, AttrMap> {
        if !is_named(name, ns::PRIVILEGE_2, &["namespace"]) {
            return Err(attrs);
        }
        Ok(Self { ns: take_attribute(&mut attrs, "ns"), type_: take_attribute(&mut attrs, "type") })
    }
}

impl FromXml for Namespaces {
    type Builder = NamespacesBuilder;

    fn from_events(name: QName, attrs: AttrMap, _: &Context<'_>) -> Result<Self::Builder, FromEventsError> {
        match Namespace::from_head(&name, attrs) {
            Ok(outermost) => Ok(NamespacesBuilder { found: vec![outermost], content: Discard::new() }),
            Err(attrs) => Err(FromEventsError::Mismatch { name, attrs }),
        }
    }

    fn xml_name_matcher() -> XmlNameMatcher<'static> {
        XmlNameMatcher::Specific(ns::PRIVILEGE_2, "namespace")
    }
}

/// Builder of [`Namespaces`]: collects the elements of all depths in a flat list, so that depth takes no stack.
pub struct NamespacesBuilder {
    found: Vec<Namespace>,
    content: Discard,
}

impl FromEventsBuilder for NamespacesBuilder {
    type Output = Namespaces;

    fn feed(&mut self, event: Event, context: &Context<'_>) -> Result<Option<Namespaces>, Error> {
        if let Event::StartElement(_, name, attrs) = &event
            && let Ok(namespace) = Namespace::from_head(name, attrs.clone())
        {
            self.found.push(namespace);
        }
        let ended = self.content.feed(event, context)?.is_some();
        Ok(ended.then(|| Namespaces(std::mem::take(&mut self.found))))
    }
}

impl AsXml for Namespaces {
    type ItemIter<'x> = Box<dyn Iterator<Item = Result<xso::Item<'x>, Error>> + 'x>;

    fn as_xml_iter(&self) -> Result<Self::ItemIter<'_>, Error> {
        let each: Result<Vec<_>, _> = self.0.iter().map(AsXml::as_xml_iter).collect();
        Ok(Box::new(each?.into_iter().flatten()))
    }
}
