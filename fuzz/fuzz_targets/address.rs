//! Addresses: escaped ones (XEP-0106), how they look (XEP-0165), how they are shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muc_invite_relay::model::address;
use muc_invite_relay::wire::confusable;

const COMPONENT: &str = "invites.example.org";

fuzz_target!(|text: &str| {
    assert_eq!(address::unescape_localpart(&address::escape_localpart(text)), text);
    let (bare, nick) = address::split_resource(text);
    assert!(address::domain_of(text).len() <= text.len());
    assert_eq!(address::printable(text).chars().count(), text.chars().count());
    let _ = address::contact_of(text);

    assert!(confusable::is_same_address(text, text));
    let _ = confusable::for_log(text);
    if confusable::is_same_address(text, bare) {
        assert_eq!(confusable::skeleton_of(text), confusable::skeleton_of(bare));
    }

    let Ok(person) = address::bare(bare) else { return };
    let Ok(address) = address::relay_address(&person, COMPONENT) else { return };
    // An IPv6 address is no name: its letters are left as they are, and not in a localpart.
    if person.node().is_some() && !person.domain().as_str().starts_with('[') {
        assert_eq!(address::contact_of(address.as_str()).expect("it names somebody"), person);
        let occupant = address::relay_address_of_occupant(&person, nick.unwrap_or_default(), COMPONENT);
        occupant.expect("an occupant has one");
    }
});
