//! XEP-0115: a hash in a presence that stands for all that a client can do. Knows how to verify one, not what for.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Digest;
use xso::{AsXml, FromXml};

use super::disco::DiscoInfo;
use super::forms::Form;
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

    /// Whether the hash is that of this answer (§5.4), so that it stands for it whoever sends it. Anybody can claim any
    /// hash, and what is believed of it is believed of all who send the same.
    #[must_use]
    pub fn stands_for(&self, info: &DiscoInfo) -> bool {
        let Some(text) = verification_string(info) else { return false };
        let digest = match self.hash.as_deref() {
            Some("sha-1") => STANDARD.encode(sha1::Sha1::digest(text)),
            Some("sha-256") => STANDARD.encode(sha2::Sha256::digest(text)),
            _ => return false,
        };
        self.ver.as_deref() == Some(digest.as_str())
    }
}

/// What is hashed (§5.1); `None` for an answer that could be taken for another one: two of the same, or a `<` in it.
fn verification_string(info: &DiscoInfo) -> Option<String> {
    fn text(part: Option<&str>) -> &str {
        part.unwrap_or_default()
    }
    let identities = info.identities.iter().map(|it| {
        let (category, kind) = (text(it.category.as_deref()), text(it.type_.as_deref()));
        format!("{category}/{kind}/{}/{}", text(it.lang.as_deref()), text(it.name.as_deref()))
    });
    let features = info.features.iter().map(|it| text(it.var.as_deref()).to_owned());
    let forms = info.forms.iter().filter_map(|form| {
        let name = form.values("FORM_TYPE").next()?.to_owned();
        Some(fields(form).map(|fields| name + "<" + &fields))
    });
    let parts =
        [sorted(identities.collect())?, sorted(features.collect())?, sorted(forms.collect::<Option<_>>()?)?];
    // Forms have `<` between their parts; nothing else may have one inside.
    let clean = parts[..2].iter().flatten().all(|part| !part.contains('<'));
    clean.then(|| parts.iter().flatten().flat_map(|part| [part, "<"]).collect())
}

fn fields(form: &Form) -> Option<String> {
    let fields = form.fields.iter().filter(|field| field.var.as_deref() != Some("FORM_TYPE")).map(|field| {
        let mut values = field.values.clone();
        values.sort();
        let whole = std::iter::once(field.var.clone().unwrap_or_default()).chain(values);
        whole.collect::<Vec<_>>().join("<")
    });
    Some(sorted(fields.collect())?.join("<"))
}

fn sorted(mut parts: Vec<String>) -> Option<Vec<String>> {
    parts.sort();
    parts.windows(2).all(|pair| pair[0] != pair[1]).then_some(parts)
}

#[cfg(test)]
mod tests {
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
        assert!(caps("QgayPKawpkPSDYmwT/WM94uAlu0=").stands_for(&info(SIMPLE)));
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
        assert!(caps("q07IKJEyjvHSyhy//CH0CxmKi8w=").stands_for(&info(complex)));
    }

    #[test]
    fn a_hash_of_something_else_stands_for_nothing() {
        let honest = caps("QgayPKawpkPSDYmwT/WM94uAlu0=");
        for more in
            ["<feature var='jabber:x:conference'/>", "<feature var='http://jabber.org/protocol/muc'/>"]
        {
            assert!(!honest.stands_for(&info(&format!("{SIMPLE}{more}"))), "{more}");
        }
        assert!(!Caps { hash: Some("md5".into()), ..honest.clone() }.stands_for(&info(SIMPLE)));
        assert!(!Caps { hash: None, ..honest }.stands_for(&info(SIMPLE)));
        // Another answer with the same text between the hashes.
        let glued = "<identity category='client' name='Exodus 0.9.1&lt;http://jabber.org/protocol/caps' type='pc'/>
            <feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/>
            <feature var='http://jabber.org/protocol/disco#items'/>";
        assert_eq!(verification_string(&info(glued)), None);
    }
}
