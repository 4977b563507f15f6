//! Hand-overs, and what becomes of one: whatever is taken can be passed on, and is read as what it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muc_invite_relay::wire::{Stanza, direct, handover, top_level};

fuzz_target!(|xml: &[u8]| {
    let Ok(Stanza::Iq(iq)) = top_level::parse(xml) else { return };
    let Some(Ok(taken)) = handover::hand_over(&iq) else { return };
    let _ = chrono::DateTime::parse_from_rfc3339(&taken.deadline);
    let [from, to] = [&taken.inviter, &taken.contact].map(|jid| jid.as_str());
    let invitation = direct::compose(from, to, "0123abcd-1", &taken.room, &taken.details, None);
    let written = xso::to_vec(&invitation).expect("it can be written");
    let Ok(Stanza::Message(read)) = top_level::parse(&written) else { panic!("it can be read") };
    let read = direct::direct(&read).expect("it is an invitation").expect("one");
    assert_eq!((read.room, read.details), (taken.room, taken.details));
});
