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

/// A text whose hash was verified. Different answers can have one text, because nothing in it tells features from forms;
/// so what it says is asked of the text, never of the answer.
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
fn verification_string(info: &DiscoInfo) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn info(xml: &str) -> DiscoInfo {
        xso::from_bytes(format!("<query xmlns='{}'>{xml}</query>", ns::DISCO_INFO).as_bytes()).unwrap()
    }

    fn caps(ver: &str) -> Caps {
        Caps { hash: Some("sha-1".into()), node: Some("urn:client".into()), ver: Some(ver.into()) }
    }

    const SIMPLE: &str = "<identity xmlns='http://jabber.org/protocol/disco#info' category='client' name='Exodus 0.9.1' type='pc'/>
        <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/muc'/>
        <feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>";

    #[test]
    fn the_examples_of_the_xep() {
        assert!(caps("QgayPKawpkPSDYmwT/WM94uAlu0=").verified(&info(SIMPLE)).is_some());
        let complex = "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
            <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
            <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/disco#info'/>
            <feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc'/>
            <x xmlns='jabber:x:data' type='result'>
              <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
              <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>
              <field var='os'><value>Mac</value></field><field var='os_version'><value>10.5.1</value></field>
              <field var='software'><value>Psi</value></field><field var='software_version'><value>0.11</value></field>
            </x>";
        assert!(caps("q07IKJEyjvHSyhy//CH0CxmKi8w=").verified(&info(complex)).is_some());
    }

    #[test]
    fn a_hash_of_something_else_stands_for_nothing() {
        let honest = caps("QgayPKawpkPSDYmwT/WM94uAlu0=");
        for more in
            ["<feature var='jabber:x:conference'/>", "<feature var='http://jabber.org/protocol/muc'/>"]
        {
            assert!(honest.verified(&info(&format!("{SIMPLE}{more}"))).is_none(), "{more}");
        }
        assert!(Caps { hash: Some("md5".into()), ..honest.clone() }.verified(&info(SIMPLE)).is_none());
        assert!(Caps { hash: None, ..honest }.verified(&info(SIMPLE)).is_none());
        // Another answer with the same text between the hashes.
        let glued = "<identity category='client' name='Exodus 0.9.1&lt;http://jabber.org/protocol/caps' type='pc'/>
            <feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/>
            <feature var='http://jabber.org/protocol/disco#items'/>";
        assert_eq!(verification_string(&info(glued)), None);
    }

    fn text(xml: &str) -> Option<String> {
        verification_string(&info(xml))
    }

    fn form(fields: &str) -> String {
        format!("<x xmlns='jabber:x:data' type='result'>{fields}</x>")
    }

    const NAME: &str = "<field var='FORM_TYPE' type='hidden'><value>t</value></field>";

    #[test]
    fn the_rules_of_forms() {
        let field = |var: &str| format!("<field var='{var}'><value>b</value><value>a</value></field>");
        for (what, fields, expected) in [
            ("FORM_TYPE alone", NAME.to_owned(), Some("t<")),
            ("fields by their names", [NAME, &field("v-2"), &field("v")].concat(), Some("t<v<a<b<v-2<a<b<")),
            ("a field without a value", [NAME, "<field var='v'/>"].concat(), Some("t<v<")),
            ("no FORM_TYPE", field("v"), Some("")),
            ("FORM_TYPE without a value", "<field var='FORM_TYPE' type='hidden'/>".to_owned(), Some("")),
            (
                "FORM_TYPE is not hidden",
                "<field var='FORM_TYPE'><value>t</value></field>".to_owned(),
                Some(""),
            ),
            (
                "FORM_TYPE with two values",
                "<field var='FORM_TYPE' type='hidden'><value>t</value><value>u</value></field>".to_owned(),
                None,
            ),
            (
                "FORM_TYPE with a value twice",
                "<field var='FORM_TYPE' type='hidden'><value>t</value><value>t</value></field>".to_owned(),
                Some("t<"),
            ),
            ("two FORM_TYPEs", [NAME, &NAME.replace(">t<", ">u<")].concat(), None),
        ] {
            assert_eq!(text(&form(&fields)).as_deref(), expected, "{what}");
        }
        let other = form(&NAME.replace(">t<", ">t-2<"));
        assert_eq!(text(&[&*other, &form(NAME)].concat()).as_deref(), Some("t<t-2<"));
        assert_eq!(text(&[form(NAME), form(NAME)].concat()), None, "two forms of one FORM_TYPE");
        let open = form("<field var='FORM_TYPE'><value>t</value></field>");
        assert_eq!(text(&[form(NAME), open].concat()), None, "even if one of them counts for nothing");
    }

    #[test]
    fn identities_and_features_are_sorted_by_their_parts() {
        let identity = |category: &str, kind: &str, lang: &str| {
            format!("<identity category='{category}' type='{kind}' xml:lang='{lang}' name='n'/>")
        };
        let sorted =
            [("client", "a", "en"), ("client", "a", "en-GB"), ("client", "a-b", "en"), ("client-x", "a", "")];
        let xml: String =
            sorted.iter().rev().map(|(category, kind, lang)| identity(category, kind, lang)).collect();
        assert_eq!(
            text(&xml).as_deref(),
            Some("client/a/en/n<client/a/en-GB/n<client/a-b/en/n<client-x/a//n<")
        );
        let twice = identity("client", "pc", "en").repeat(2);
        assert_eq!(text(&twice), None);
        assert_eq!(text("<feature var='b'/><feature var='a'/>").as_deref(), Some("a<b<"));
        assert_eq!(text("<feature var='a'/><feature var='a'/>"), None);
    }

    #[test]
    fn a_form_that_reads_like_features_takes_nothing_from_others() {
        let features = |vars: &[&str]| {
            vars.iter().map(|var| format!("<feature var='{var}'/>")).collect::<Vec<_>>().concat()
        };
        let honest = features(&["a", "jabber:x:conference", "urn:xmpp:ping"]);
        let form = form(
            "<field var='FORM_TYPE' type='hidden'><value>jabber:x:conference</value></field><field var='urn:xmpp:ping'/>",
        );
        let forged = features(&["a"]) + &form;
        let hashed = |xml: &str| Hashed(text(xml).unwrap());
        assert_eq!(hashed(&honest), hashed(&forged));
        assert!(hashed(&forged).has("jabber:x:conference"));
    }

    proptest! {
        /// Whatever is answered to make up one text: the text has the features that an honest answer has, and no others.
        #[test]
        fn one_text_has_one_set_of_features(
            honest in prop::collection::btree_set("[a-c]{1,2}|jabber:x:conference", 0..5),
            names in prop::collection::btree_set("[a-c]{1,2}|jabber:x:conference", 0..3),
            values in prop::collection::vec("[a-c<]{0,3}|jabber:x:conference", 0..3),
        ) {
            let feature = |var: &String| super::super::disco::Feature { var: Some(var.clone()) };
            let answer = DiscoInfo { features: honest.iter().map(feature).collect(), ..DiscoInfo::default() };
            let hashed = Hashed(verification_string(&answer).unwrap());
            for var in ["a", "b", "cc", "jabber:x:conference"] {
                prop_assert_eq!(hashed.has(var), answer.has(var));
            }
            // The same features, the last of them dressed up as forms.
            let parts: Vec<_> = honest.iter().cloned().collect();
            for split in 0..parts.len() {
                let field = |var: &str, type_: Option<&str>, values: Vec<String>| Field {
                    var: Some(var.to_owned()),
                    type_: type_.map(str::to_owned),
                    values,
                    ..Field::default()
                };
                let name = field("FORM_TYPE", Some("hidden"), vec![parts[split].clone()]);
                let others = parts[split + 1..].iter().map(|var| field(var, None, Vec::new()));
                let form = Form { fields: std::iter::once(name).chain(others).collect(), ..Form::default() };
                let forged = DiscoInfo {
                    features: parts[..split].iter().map(feature).collect(),
                    forms: vec![form],
                    ..DiscoInfo::default()
                };
                let forged = Hashed(verification_string(&forged).unwrap());
                prop_assert_eq!(&forged, &hashed);
                prop_assert_eq!(forged.has("jabber:x:conference"), answer.has("jabber:x:conference"));
            }
            // And what a text is made up of does not matter.
            let fields = names.iter().map(|var| Field { var: Some(var.clone()), values: values.clone(), ..Field::default() });
            let form = Form { fields: fields.collect(), ..Form::default() };
            let text = verification_string(&DiscoInfo { forms: vec![form], ..answer });
            prop_assert_eq!(text, Some(hashed.0), "a form without a name counts for nothing");
        }
    }
}
