//! XEP-0030 service discovery, with the forms of XEP-0128. Request and answer use the same elements. Knows their shape, not
//! what the features mean.

use xso::{AsXml, FromXml};

use super::data_form::Form;
use super::ns;

/// `<query/>` of disco#info.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_INFO, name = "query", discard(text))]
pub struct DiscoInfo {
    /// The node that is asked about.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// The identities.
    #[xml(child(n = ..))]
    pub identities: Vec<Identity>,
    /// The features.
    #[xml(child(n = ..))]
    pub features: Vec<Feature>,
    /// The forms (XEP-0128).
    #[xml(child(n = ..))]
    pub forms: Vec<Form>,
}

impl DiscoInfo {
    /// Whether this feature is listed.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        let mut all = self.features.iter();
        all.any(|it| it.var.as_deref() == Some(feature))
    }

    /// The first value of a form field, in any of the forms.
    #[must_use]
    pub fn field(&self, var: &str) -> Option<&str> {
        let mut all = self.forms.iter().flat_map(|form| &form.fields);
        let field = all.find(|field| field.var.as_deref() == Some(var))?;
        field.values.first().map(String::as_str)
    }
}

/// `<identity/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_INFO, name = "identity", discard(text))]
pub struct Identity {
    /// The category, such as `component` or `conference`.
    #[xml(attribute(default))]
    pub category: Option<String>,
    /// The type, such as `generic` or `text`.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// A name for people.
    #[xml(attribute(default))]
    pub name: Option<String>,
    /// The name's language.
    #[xml(attribute(namespace = ns::XML, name = "lang", default))]
    pub lang: Option<String>,
}

/// `<feature/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_INFO, name = "feature", discard(text))]
pub struct Feature {
    /// Its name.
    #[xml(attribute(default))]
    pub var: Option<String>,
}

impl From<&str> for Feature {
    fn from(var: &str) -> Self {
        Self { var: Some(var.to_owned()) }
    }
}

/// `<query/>` of disco#items.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_ITEMS, name = "query", discard(text))]
pub struct DiscoItems {
    /// The node that is asked about.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// The items.
    #[xml(child(n = ..))]
    pub items: Vec<DiscoItem>,
}

/// `<item/>` of disco#items.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_ITEMS, name = "item", discard(text))]
pub struct DiscoItem {
    /// The address; with the nickname for occupants, if a room lists them.
    #[xml(attribute(default))]
    pub jid: Option<String>,
    /// The node at that address.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// A name for people.
    #[xml(attribute(default))]
    pub name: Option<String>,
}
