//! XEP-0115: a hash in a presence that stands for all that a client can do. Knows how to verify one, not what for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest;
use xso::{AsXml, FromXml};

use super::data_form::{Field, Form};
use super::disco::DiscoInfo;
use super::ns;

/// `<c/>`.
#[derive(FromXml, AsXml, Debug, Clone, PartialEq, Eq, Hash, Default)]
#[xml(namespace = ns::CAPS, name = "c", discard(text))]
pub struct Caps {
    /// The algorithm, such as `sha-1`.
    #[xml(attribute(default))]
    pub hash: Option<String>,
    /// The software.
    #[xml(attribute(default))]
    pub node: Option<String>,
    /// The hash, in Base64.
    #[xml(attribute(default))]
    pub ver: Option<String>,
}

impl Caps {
    /// The node of which a client is asked what it can do.
    #[must_use]
    pub fn node(&self) -> Option<String> {
        Some(format!("{}#{}", self.node.as_deref()?, self.ver.as_deref()?))
    }

    /// The hash with its algorithm: `sha-1 QgayPKawpkPSDYmwT/WM94uAlu0=`. What a verified one stands for does not depend on
    /// the software.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        Some(format!("{} {}", self.hash.as_deref()?, self.ver.as_deref()?))
    }

    /// What the hash stands for, no matter who sends it, if it is that of this answer (§5.4). Anybody can claim any hash, and what
    /// is believed of it is believed of all who send the same.
    #[must_use]
    pub fn verified(&self, info: &DiscoInfo) -> Option<Hashed> {
        let text = verification_string(info)?;
        let digest = match self.hash.as_deref() {
            Some("sha-1") => STANDARD.encode(sha1::Sha1::digest(&text)),
            Some("sha-256") => STANDARD.encode(sha2::Sha256::digest(&text)),
            _ => return None,
        };
        (self.ver.as_deref() == Some(digest.as_str())).then_some(Hashed(text))
    }
}

/// A text whose hash was verified. Different answers can have one text, because nothing in it tells features from identities
/// and forms; so what it says is asked of the text, never of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hashed(String);

impl Hashed {
    /// Whether a feature is one of its parts.
    #[must_use]
    pub fn has(&self, feature: &str) -> bool {
        self.0.split('<').any(|part| part == feature)
    }
}

/// What is hashed (§5.1); `None` for an answer that is ill-formed (§5.4, 3c to 3e), or has a `<` where it could pass for
/// a separator.
pub(super) fn verification_string(info: &DiscoInfo) -> Option<String> {
    // Each kind is sorted by its parts, not by what they are joined to: `client` comes before `client-x`.
    let mut identities: Vec<[&str; 4]> = Vec::new();
    for it in &info.identities {
        let parts = [&it.category, &it.type_, &it.lang, &it.name];
        identities.push(parts.map(|part| part.as_deref().unwrap_or_default()));
    }
    let mut features: Vec<&str> =
        info.features.iter().map(|it| it.var.as_deref().unwrap_or_default()).collect();
    let mut forms = Vec::new();
    for form in &info.forms {
        if let Some(name) = name_of(form)? {
            forms.push((name, form));
        }
    }
    identities.sort_unstable();
    features.sort_unstable();
    forms.sort_by_key(|(name, _)| *name);
    let twice =
        has_twice(&identities) || has_twice(&features) || forms.windows(2).any(|pair| pair[0].0 == pair[1].0);
    if twice || identities.iter().flatten().chain(&features).any(|part| part.contains('<')) {
        return None;
    }

    let mut text = String::new();
    let mut add = |part: &str| {
        text.push_str(part);
        text.push('<');
    };
    for parts in identities {
        add(&parts.join("/"));
    }
    for feature in features {
        add(feature);
    }
    // A form whose FORM_TYPE is not hidden counts for nothing else (§5.4, 3f).
    for (name, form) in forms.into_iter().filter(|(_, form)| form.fields.iter().any(names_form_hidden)) {
        add(name);
        let mut fields: Vec<_> =
            form.fields.iter().filter(|field| !names_form(field)).map(parts_of).collect();
        fields.sort_unstable();
        for (var, values) in fields {
            add(var);
            values.into_iter().for_each(&mut add);
        }
    }
    Some(text)
}

fn names_form(field: &Field) -> bool {
    field.var.as_deref() == Some("FORM_TYPE")
}

fn names_form_hidden(field: &Field) -> bool {
    names_form(field) && field.type_.as_deref() == Some("hidden")
}

/// A form's `FORM_TYPE`, if it has one; the outer `None` for one that has several.
#[allow(clippy::option_option, reason = "ill-formed is another thing than nameless")]
fn name_of(form: &Form) -> Option<Option<&str>> {
    let mut values = form.values("FORM_TYPE");
    let name = values.next();
    values.all(|value| Some(value) == name).then_some(name)
}

/// A field's name, and its values in their order.
fn parts_of(field: &Field) -> (&str, Vec<&str>) {
    let mut values: Vec<_> = field.values.iter().map(String::as_str).collect();
    values.sort_unstable();
    (field.var.as_deref().unwrap_or_default(), values)
}

fn has_twice<T: PartialEq>(sorted: &[T]) -> bool {
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}
