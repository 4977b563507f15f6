//! Commands as clients give them, and the answers that they can show.

use rstest::rstest;

use super::{iq, written};
use crate::wire::command::{Action, Actions, Command, Note, NoteKind, Status};
use crate::wire::data_form::{Choice, Field, Form};
use crate::wire::error::{Refusal, StanzaError};
use crate::wire::stanza::{Iq, IqPayload};

/// A command as somebody sends it.
fn given(attributes: &str, content: &str) -> Iq {
    iq(&format!(
        "<iq type='set' id='c1' from='bob@example.test/desk' to='invites.example.test'><command xmlns='http://jabber.org/protocol/commands' node='my-settings' {attributes}>{content}</command></iq>"
    ))
}

#[rstest]
#[case::gajim_slixmpp_conversations("action='execute'", Some(Action::Execute))]
#[case::psi_says_it_by_saying_nothing("", Some(Action::Execute))]
#[case("action='complete' sessionid='s1'", Some(Action::Complete))]
#[case("action='prev' sessionid='s1'", Some(Action::Prev))]
#[case("action='Complete'", None)]
#[case("action=''", None)]
fn an_action(#[case] attributes: &str, #[case] action: Option<Action>) {
    let iq = given(attributes, "");
    let command = iq.command().unwrap();
    assert_eq!((command.node.as_deref(), command.action()), (Some("my-settings"), action));
    assert_eq!(command.sessionid.as_deref(), attributes.contains("sessionid").then_some("s1"));
}

/// One and the same answer: from everybody, block two, lift nothing.
#[rstest]
// Types are kept, labels and descriptions are not; what is empty is left out.
#[case::gajim(
    "<x xmlns='jabber:x:data' type='submit'><field type='list-single' var='mode'><option label='From everybody'><value>everybody</value></option><option label='None'><value>nobody</value></option><value>everybody</value></field><field type='text-multi' var='block'><value>a@b</value><value>c.d</value></field></x>"
)]
// The very form that it was sent, with other values: options hold values as well.
#[case::dino(
    "<x xmlns='jabber:x:data' type='submit'><title>T</title><instructions>I</instructions><field var='mode' type='list-single' label='L'><value>everybody</value><option label='None'><value>nobody</value></option></field><field var='block' type='text-multi'><value>a@b</value><value>c.d</value></field><field var='lift' type='list-single' label='L'><option label='a@b'><value>a@b</value></option></field></x>"
)]
#[case::psi(
    "<x xmlns='jabber:x:data' type='submit'><field var='mode' type='list-single'><value>everybody</value></field><field var='block' type='text-multi'><value>a@b</value><value>c.d</value></field></x>"
)]
#[case::slixmpp_and_conversations_name_no_types(
    "<x xmlns='jabber:x:data' type='submit'><field var='mode'><value>everybody</value></field><field var='block'><value>a@b</value><value>c.d</value></field></x>"
)]
fn a_form_that_was_filled_in(#[case] form: &str) {
    let iq = given("action='complete' sessionid='s1'", form);
    let form = iq.command().unwrap().filled_in().unwrap();
    assert_eq!(form.values("mode").collect::<Vec<_>>(), ["everybody"]);
    assert_eq!(form.values("block").collect::<Vec<_>>(), ["a@b", "c.d"]);
    assert_eq!(form.values("lift").count(), 0);
}

#[test]
fn a_form_that_was_given_up_is_not_filled_in() {
    let iq = given(
        "",
        "<x xmlns='jabber:x:data' type='cancel'><field var='mode'><value>nobody</value></field></x>",
    );
    assert_eq!(iq.command().unwrap().filled_in(), None);
}

#[test]
fn an_answer_is_no_command() {
    let mut iq = given("", "");
    iq.type_ = Some("result".to_owned());
    assert_eq!(iq.command(), None);
}

#[test]
fn an_answer_with_a_form() {
    let choices = vec![Choice::new("everybody", "From everybody"), Choice::new("nobody", "None\u{1}")];
    let fields =
        vec![Field::choice("mode", "Invitations", choices, None), Field::line("block", "Block", "a\u{1}b")];
    let payload = Command {
        node: Some("my-settings".to_owned()),
        lang: None,
        sessionid: Some("s1".to_owned()),
        status: Some(Status::Executing),
        actions: Actions { execute: Some(Action::Complete), allowed: vec![Action::Next, Action::Complete] }
            .into(),
        notes: vec![Note::new(NoteKind::Error, "No \u{b}address")],
        form: Form::to_fill_in("My settings", "Choose\u{1}.", fields).into(),
        action: None,
    };
    let answer = Iq { payload: IqPayload::Command(payload).into(), ..Iq::result_to(&given("", "")) };
    assert_eq!(
        written(&answer),
        "<iq from='invites.example.test' to='bob@example.test/desk' id='c1' type='result'><command xmlns='http://jabber.org/protocol/commands' node='my-settings' sessionid='s1' status='executing'><actions execute='complete'><next/><complete/></actions><note type='error'>No address</note><x xmlns='jabber:x:data' type='form'><title>My settings</title><instructions>Choose.</instructions><field var='mode' type='list-single' label='Invitations'><value>everybody</value><option label='From everybody'><value>everybody</value></option><option label='None'><value>nobody</value></option></field><field var='block' type='text-single' label='Block'><value>ab</value></field></x></command></iq>"
    );
}

#[rstest]
#[case(Refusal::BadAction, "modify", "bad-request", "bad-action")]
#[case(Refusal::SessionExpired, "cancel", "not-allowed", "session-expired")]
fn a_refusal(#[case] refusal: Refusal, #[case] type_: &str, #[case] condition: &str, #[case] word: &str) {
    let answer = written(&Iq::error_with(&given("", ""), StanzaError::from(refusal)));
    let error = format!(
        "<error type='{type_}'><{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><{word} xmlns='http://jabber.org/protocol/commands'/></error>"
    );
    assert!(answer.contains(&error), "{answer}");
}
