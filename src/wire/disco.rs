//! XEP-0030, and the XEP-0128 forms in it: what an entity says of itself, asked and answered with the same elements.

use xso::{AsXml, FromXml};

use super::data_form::Form;
use super::ns;

/// `<query/>` of disco#info.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_INFO, name = "query", discard(text))]
pub struct DiscoInfo {
    /// What part is asked about.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// What it is.
    #[xml(child(n = ..))]
    pub identities: Vec<Identity>,
    /// What it can do.
    #[xml(child(n = ..))]
    pub features: Vec<Feature>,
    /// What it adds (XEP-0128).
    #[xml(child(n = ..))]
    pub forms: Vec<Form>,
}

impl DiscoInfo {
    /// Whether a feature is there.
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
    /// Such as `component`, `conference`.
    #[xml(attribute(default))]
    pub category: Option<String>,
    /// Such as `generic`, `text`.
    #[xml(attribute(name = "type", default))]
    pub type_: Option<String>,
    /// For people to read.
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
    /// What part is asked about.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// What there is.
    #[xml(child(n = ..))]
    pub items: Vec<DiscoItem>,
}

/// `<item/>` of disco#items.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Default)]
#[xml(namespace = ns::DISCO_ITEMS, name = "item", discard(text))]
pub struct DiscoItem {
    /// Its address; of a room's occupants, where a room tells them, with the nick.
    #[xml(attribute(default))]
    pub jid: Option<String>,
    /// Its part.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// For people to read.
    #[xml(attribute(default))]
    pub name: Option<String>,
}
