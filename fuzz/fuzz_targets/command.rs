//! Ad-hoc commands (XEP-0050) and the forms that come with them: whatever somebody fills in, he gets a form that can be
//! written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muc_invite_relay::commands::fuzzing::filled_in;
use muc_invite_relay::wire::data_form::Form;
use muc_invite_relay::wire::{Command, Iq, IqPayload, Stanza, top_level};

fuzz_target!(|xml: &[u8]| {
    let Ok(Stanza::Iq(iq)) = top_level::parse(xml) else { return };
    let Some(given) = iq.command() else { return };
    let _ = given.action();
    let Some(form) = given.filled_in() else { return };
    let (changes, fields) = filled_in(form, "invites.example.org");
    let complaint = changes.and_then(Result::err).unwrap_or_default();
    let form = Form::to_fill_in("My settings", &complaint, fields).into();
    let answer = Command { form, node: given.node.clone(), ..Command::default() };
    let answer = Iq { payload: Some(IqPayload::Command(answer)).into(), ..Iq::result_to(&iq) };
    let written = xso::to_vec(&answer).expect("it can be written");
    assert_eq!(top_level::parse(&written).expect("it can be read"), Stanza::Iq(answer));
});
