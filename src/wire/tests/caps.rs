//! XEP-0115: which answers a hash stands for, and what it says of all who send it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sha1::{Digest, Sha1};

use crate::wire::caps::{Caps, Hashed, verification_string};
use crate::wire::data_form::{Field, Form};
use crate::wire::disco::{DiscoInfo, Feature, Identity};
use crate::wire::ns;

fn info(xml: &str) -> DiscoInfo {
    xso::from_bytes(format!("<query xmlns='{}'>{xml}</query>", ns::DISCO_INFO).as_bytes()).unwrap()
}

fn caps(ver: &str) -> Caps {
    Caps { hash: Some("sha-1".into()), node: Some("urn:client".into()), ver: Some(ver.into()) }
}

/// What the hash of this text says, if it is that of this answer.
fn hashed(text: &str, answer: &DiscoInfo) -> Option<Hashed> {
    caps(&STANDARD.encode(Sha1::digest(text))).verified(answer)
}

fn features(vars: &[&str]) -> String {
    vars.iter().map(|var| format!("<feature var='{var}'/>")).collect::<Vec<_>>().concat()
}

fn form(fields: &str) -> String {
    format!("<x xmlns='jabber:x:data' type='result'>{fields}</x>")
}

fn field(var: &str, values: &[&str]) -> String {
    let values: Vec<_> = values.iter().map(|value| format!("<value>{value}</value>")).collect();
    format!("<field var='{var}'>{}</field>", values.concat())
}

fn named(name: &str) -> String {
    format!("<field var='FORM_TYPE' type='hidden'><value>{name}</value></field>")
}

const EXODUS: &str = "QgayPKawpkPSDYmwT/WM94uAlu0=";
const EXODUS_SAYS: &str = "<identity category='client' name='Exodus 0.9.1' type='pc'/>
    <feature var='http://jabber.org/protocol/caps'/><feature var='http://jabber.org/protocol/muc'/>
    <feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/>";

const PSI_FEATURES: &str = r"http://jabber.org/protocol/caps http://jabber.org/protocol/disco#info http://jabber.org/protocol/disco#items
    http://jabber.org/protocol/muc";

const PIDGIN_FEATURES: &str = r"jabber:iq:last jabber:iq:oob urn:xmpp:time jabber:iq:version jabber:x:conference
    http://jabber.org/protocol/bytestreams http://jabber.org/protocol/caps http://jabber.org/protocol/chatstates
    http://jabber.org/protocol/disco#info http://jabber.org/protocol/disco#items http://jabber.org/protocol/muc
    http://jabber.org/protocol/muc#user http://jabber.org/protocol/si
    http://jabber.org/protocol/si/profile/file-transfer http://jabber.org/protocol/xhtml-im urn:xmpp:ping
    urn:xmpp:bob urn:xmpp:jingle:1 urn:xmpp:jingle:transports:raw-udp:1
    http://www.google.com/xmpp/protocol/session http://www.google.com/xmpp/protocol/voice/v1
    http://www.google.com/xmpp/protocol/video/v1 http://www.google.com/xmpp/protocol/camera/v1
    urn:xmpp:jingle:apps:rtp:audio urn:xmpp:jingle:apps:rtp:video urn:xmpp:jingle:transports:ice-udp:1
    urn:xmpp:avatar:metadata urn:xmpp:avatar:data urn:xmpp:avatar:metadata+notify http://jabber.org/protocol/mood
    http://jabber.org/protocol/mood+notify http://jabber.org/protocol/tune http://jabber.org/protocol/tune+notify
    http://jabber.org/protocol/nick http://jabber.org/protocol/nick+notify http://jabber.org/protocol/ibb";

const VACUUM_FEATURES: &str = r"Jid\20Escaping http://jabber.org/protocol/bytestreams http://jabber.org/protocol/caps
    http://jabber.org/protocol/chatstates http://jabber.org/protocol/commands
    http://jabber.org/protocol/disco#info http://jabber.org/protocol/ibb http://jabber.org/protocol/muc
    http://jabber.org/protocol/si http://jabber.org/protocol/si/profile/file-transfer
    http://jabber.org/protocol/xdata-layout http://jabber.org/protocol/xdata-validate jabber:iq:last
    jabber:iq:version jabber:x:data urn:xmpp:ping urn:xmpp:ssn urn:xmpp:time";

const EJABBERD_FEATURES: &str = r"http://jabber.org/protocol/commands http://jabber.org/protocol/disco#info
    http://jabber.org/protocol/disco#items http://jabber.org/protocol/stats iq jabber:iq:last jabber:iq:register
    jabber:iq:time jabber:iq:version msgoffline presence presence-invisible urn:xmpp:time vcard-temp";

/// Hashes as clients and servers send them, what they answered, and whether they show direct invitations.
#[test]
fn hashes_from_the_field() {
    let listed = |vars: &str| features(&vars.split_whitespace().collect::<Vec<_>>());
    let software = |fields: &[String]| form(&(named("urn:xmpp:dataforms:softwareinfo") + &fields.concat()));
    let psi = "<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
        <identity xml:lang='el' category='client' name='\u{3a8} 0.11' type='pc'/>"
        .to_owned()
        + &listed(PSI_FEATURES)
        + &software(&[
            field("ip_version", &["ipv6", "ipv4"]),
            field("os", &["Mac"]),
            field("os_version", &["10.5.1"]),
            field("software", &["Psi"]),
            field("software_version", &["0.11"]),
        ]);
    let pidgin =
        "<identity category='client' name='Pidgin' type='pc'/>".to_owned() + &listed(PIDGIN_FEATURES);
    let vacuum = "<identity category='client' name='Vacuum IM' type='pc'/>".to_owned()
        + &listed(VACUUM_FEATURES)
        + &software(&[
            field("software", &["Vacuum IM"]),
            field("software_version", &["1.0.2"]),
            field("os", &["Windows 7"]),
        ]);
    let ejabberd = "<identity category='server' name='ejabberd' type='im'/>".to_owned()
        + &form(&named("http://jabber.org/network/serverinfo"))
        + &listed(EJABBERD_FEATURES);
    for (what, ver, answer, shows_direct) in [
        ("XEP-0115 5.2", EXODUS, EXODUS_SAYS, false),
        ("XEP-0115 5.3", "q07IKJEyjvHSyhy//CH0CxmKi8w=", &*psi, false),
        ("Pidgin", "WsE3KKs1gYLeYKAn5zQHkTkRnUA=", &*pidgin, true),
        ("Vacuum IM, a form of several fields", "miPoEivN+zbY5xuw2U7vXb09jCM=", &*vacuum, false),
        ("ejabberd, a form of nothing but its name", "HzhW199FSAS7rIkHllLdacqERmE=", &*ejabberd, false),
    ] {
        let hashed = caps(ver).verified(&info(answer));
        assert_eq!(hashed.map(|hashed| hashed.has(ns::CONFERENCE)), Some(shows_direct), "{what}");
    }
}

#[test]
fn a_hash_of_something_else_stands_for_nothing() {
    let honest = caps(EXODUS);
    for more in ["<feature var='jabber:x:conference'/>", "<feature var='http://jabber.org/protocol/muc'/>"] {
        assert!(honest.verified(&info(&format!("{EXODUS_SAYS}{more}"))).is_none(), "{more}");
    }
    assert!(Caps { hash: Some("md5".into()), ..honest.clone() }.verified(&info(EXODUS_SAYS)).is_none());
    assert!(Caps { hash: Some("sha-256".into()), ..honest.clone() }.verified(&info(EXODUS_SAYS)).is_none());
    assert!(Caps { hash: None, ..honest }.verified(&info(EXODUS_SAYS)).is_none());
}

/// Answers and the text that is hashed, by the rules of §5.1 and §5.4; `None`: ill-formed.
#[test]
fn the_rules() {
    let identity = |category: &str, kind: &str, lang: &str, name: &str| {
        format!("<identity category='{category}' type='{kind}' xml:lang='{lang}' name='{name}'/>")
    };
    let open_name = "<field var='FORM_TYPE'><value>t</value></field>";
    let table = [
        ("nothing", String::new(), Some("")),
        ("features by octets", features(&["b", "\u{e9}", "a", "Z"]), Some("Z<a<b<\u{e9}<")),
        ("a feature without a name", "<feature/>".to_owned(), Some("<")),
        ("a feature twice", features(&["a", "a"]), None),
        ("a feature with a separator", features(&["a&lt;b"]), None),
        (
            "identities by their parts",
            [
                identity("client-x", "a", "", "n"),
                identity("client", "a-b", "en", "n"),
                identity("client", "a", "en-GB", "n"),
                identity("client", "a", "en", "o"),
                identity("client", "a", "en", "n"),
            ]
            .concat(),
            Some("client/a/en/n<client/a/en/o<client/a/en-GB/n<client/a-b/en/n<client-x/a//n<"),
        ),
        (
            "an identity without language and name",
            "<identity category='c' type='t'/>".to_owned(),
            Some("c/t//<"),
        ),
        ("an identity twice", identity("c", "t", "en", "n").repeat(2), None),
        (
            "an identity twice, differently written",
            "<identity category='c' type='t'/><identity category='c' type='t' name=''/>".to_owned(),
            None,
        ),
        ("an identity with a separator", identity("c", "t", "", "a&lt;b"), None),
        ("a form of nothing but its name", form(&named("t")), Some("t<")),
        (
            "fields by their names, values by octets",
            form(&[named("t"), field("v-2", &["b", "a"]), field("v", &["b", "A", "a-b", "a"])].concat()),
            Some("t<v<A<a<a-b<b<v-2<a<b<"),
        ),
        ("a field without a value", form(&[named("t"), field("v", &[])].concat()), Some("t<v<")),
        ("an empty value", form(&[named("t"), field("v", &[""])].concat()), Some("t<v<<")),
        ("a form without a name", form(&field("v", &["a"])), Some("")),
        ("a name without a value", form("<field var='FORM_TYPE' type='hidden'/>"), Some("")),
        ("a name that is not hidden", form(&[open_name, &field("v", &["a"])].concat()), Some("")),
        (
            "a name with two values",
            form("<field var='FORM_TYPE' type='hidden'><value>t</value><value>u</value></field>"),
            None,
        ),
        (
            "a name with one value twice",
            form("<field var='FORM_TYPE' type='hidden'><value>t</value><value>t</value></field>"),
            Some("t<"),
        ),
        ("two names", form(&[named("t"), named("u")].concat()), None),
        ("forms by their names", [form(&named("t-2")), form(&named("t"))].concat(), Some("t<t-2<")),
        ("two forms of one name", [form(&named("t")), form(&named("t"))].concat(), None),
        (
            "two forms of one name, one of which counts for nothing",
            [form(&named("t")), form(open_name)].concat(),
            None,
        ),
        ("two forms without a name", [form(""), form("")].concat(), Some("")),
        (
            "identities, features, forms",
            [form(&named("a")), features(&["b"]), identity("c", "t", "", "")].concat(),
            Some("c/t//<b<a<"),
        ),
    ];
    for (what, answer, expected) in table {
        let answer = info(&answer);
        match expected {
            Some(text) => assert!(hashed(text, &answer).is_some(), "{what}: {text}"),
            None => assert_eq!(verification_string(&answer), None, "{what}"),
        }
    }
}

#[test]
fn a_form_that_reads_like_features_takes_nothing_from_others() {
    let honest = info(&features(&["a", "jabber:x:conference", "urn:xmpp:ping"]));
    let forged = form(&[named("jabber:x:conference"), field("urn:xmpp:ping", &[])].concat());
    let forged = info(&(features(&["a"]) + &forged));
    let text = "a<jabber:x:conference<urn:xmpp:ping<";
    for answer in [honest, forged] {
        assert!(hashed(text, &answer).unwrap().has("jabber:x:conference"));
    }
}

/// Parts of which a text is made, few enough that different answers have one text.
fn part() -> impl Strategy<Value = String> {
    prop::sample::select(&["a", "b", "c/d//", "c/d//e", "", "jabber:x:conference"][..])
        .prop_map(str::to_owned)
}

fn answer() -> impl Strategy<Value = DiscoInfo> {
    let identity = || {
        (part(), part(), part()).prop_map(|(category, type_, name)| Identity {
            category: Some(category),
            type_: Some(type_),
            name: Some(name),
            lang: None,
        })
    };
    let field = || {
        (part(), prop::collection::vec(part(), 0..3)).prop_map(|(var, values)| Field {
            var: Some(var),
            values,
            ..Field::default()
        })
    };
    let form = (part(), prop::collection::vec(field(), 0..3)).prop_map(|(name, mut fields)| {
        let hidden = Some("hidden".to_owned());
        let var = Some("FORM_TYPE".to_owned());
        fields.push(Field { var, type_: hidden, values: vec![name], ..Field::default() });
        Form { fields, ..Form::default() }
    });
    let identities = prop::collection::vec(identity(), 0..2);
    let features = prop::collection::vec(part().prop_map(|var| Feature { var: Some(var) }), 0..4);
    (identities, features, prop::collection::vec(form, 0..2)).prop_map(|(identities, features, forms)| {
        DiscoInfo { identities, features, forms, ..DiscoInfo::default() }
    })
}

/// The same answer with its last features dressed up as a form.
fn dressed_up(honest: &DiscoInfo, from: usize) -> DiscoInfo {
    let mut vars: Vec<_> = honest.features.iter().filter_map(|feature| feature.var.clone()).collect();
    vars.sort_unstable();
    let mut dressed = vars.split_off(from.min(vars.len())).into_iter();
    let field = |var: String| Field { var: Some(var), ..Field::default() };
    let form = dressed.next().map(|name| {
        let name =
            Field { type_: Some("hidden".to_owned()), values: vec![name], ..field("FORM_TYPE".to_owned()) };
        Form { fields: std::iter::once(name).chain(dressed.map(field)).collect(), ..Form::default() }
    });
    DiscoInfo {
        features: vars.into_iter().map(|var| Feature { var: Some(var) }).collect(),
        forms: form.into_iter().collect(),
        ..honest.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// Whatever two answers are, if they hash alike they say the same, and take no feature from an honest one.
    #[test]
    fn answers_that_hash_alike_are_judged_alike(one in answer(), other in answer(), from in 0..4_usize) {
        let others = [other, dressed_up(&DiscoInfo { forms: Vec::new(), ..one.clone() }, from)];
        for one in [DiscoInfo { forms: Vec::new(), ..one.clone() }, one] {
            let Some(text) = verification_string(&one) else { continue };
            let says = hashed(&text, &one).unwrap();
            for feature in &one.features {
                prop_assert!(says.has(feature.var.as_deref().unwrap()));
            }
            for other in &others {
                if let Some(others) = hashed(&text, other) {
                    prop_assert_eq!(&others, &says);
                    prop_assert_eq!(others.has(ns::CONFERENCE), says.has(ns::CONFERENCE));
                }
            }
        }
    }

    /// An answer without forms has what its features say, and nothing else.
    #[test]
    fn without_forms_it_says_what_the_features_say(answer in answer()) {
        let answer = DiscoInfo { forms: Vec::new(), ..answer };
        if let Some(text) = verification_string(&answer) {
            let says = hashed(&text, &answer).unwrap();
            prop_assert_eq!(says.has(ns::CONFERENCE), answer.has(ns::CONFERENCE));
        }
    }
}
