//! Ad-hoc commands, step by step, on a real journal: sessions, refusals, and what each command does.

use muc_invite_relay::commands::{AskedToInvite, Commands};
use muc_invite_relay::config::Config;
use muc_invite_relay::journal::{Filter, Journal, JournalReader, Retention};
use muc_invite_relay::link;
use muc_invite_relay::model::invite::{InviteEvent, InvitedContact, Obstacle, Whom};
use muc_invite_relay::model::{AcceptFrom, Arrival, Payload, Reason, Route, State};
use muc_invite_relay::wire::command::{Action, NoteKind, Status};
use muc_invite_relay::wire::data_form::{Field, Form};
use muc_invite_relay::wire::error::Refusal;
use muc_invite_relay::wire::{Command, Condition, Iq, IqPayload};
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

const COMPONENT: &str = "invites.example.org";
const BOB: &str = "bob@example.org/desk";
const ADMIN: &str = "admin@example.org/desk";

struct Bench {
    folder: TempDir,
    commands: Commands,
    journal: Journal,
    /// Requests to invite.
    asked: Mutex<mpsc::Receiver<AskedToInvite>>,
}

impl Bench {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("journal.db");
        let text = format!(
            "component = {{ jid = '{COMPONENT}', secret = 's' }}\nmuc = {{ services = ['conference.example.org'] }}\n\
             journal = {{ path = '{}' }}\nadmins = {{ jids = ['admin@example.org'] }}",
            path.display()
        );
        let config = Config::from_toml(&text, std::iter::empty()).unwrap();
        let retention = Retention { window: config.relay.window, retention: config.journal.retention };
        let (journal, writer) = Journal::open(&path, retention).await.unwrap();
        tokio::spawn(writer.run());
        let (link, ..) = link::new(link::Settings {
            component: COMPONENT.into(),
            secret: config.component.secret.clone(),
            servers: config.component.addresses(),
            hosts: Vec::new(),
            services: Vec::new(),
        });
        let (reload, _) = mpsc::channel(1);
        let (invite, asked) = mpsc::channel(1);
        let commands = Commands::new(config.live(), journal.clone(), link, reload, invite);
        Self { commands, journal, folder, asked: Mutex::new(asked) }
    }

    async fn send(&self, from: &str, command: Command) -> Iq {
        let question =
            Iq { from: Some(from.into()), ..Iq::set(COMPONENT, "c1", IqPayload::Command(command)) };
        let answer = self.commands.answer(&question).await;
        assert_eq!((&answer.from, &answer.to, &answer.id), (&question.to, &question.from, &question.id));
        answer
    }

    /// The first step of a command.
    async fn give(&self, from: &str, node: &str) -> Command {
        taken(self.send(from, given(node)).await)
    }

    /// A further step of a command.
    async fn go_on(&self, from: &str, at: &Command, action: &str, fields: &[(&str, &str)]) -> Iq {
        let command = Command {
            sessionid: at.sessionid.clone(),
            ..filled_in(given(at.node.as_deref().unwrap()), fields)
        };
        self.send(from, Command { action: Some(action.into()), ..command }).await
    }

    async fn takes(&self, person: &str) -> AcceptFrom {
        self.journal.preferences(person).await.unwrap().accept_from
    }

    async fn blocks(&self, person: &str) -> Vec<String> {
        self.journal.preferences(person).await.unwrap().blocks.into_iter().collect()
    }

    async fn note(&self, inviter: &str, contact: &str, state: State, reason: Option<Reason>) {
        let arrival = Arrival {
            route: Route::Addressed,
            room: "tea@conference.example.org".into(),
            inviter: inviter.into(),
            contact: contact.into(),
            payload: Payload::default(),
            parent: None,
        };
        self.journal.note(arrival, state, reason).await.unwrap();
    }
}

fn given(node: &str) -> Command {
    Command { node: Some(node.into()), ..Command::default() }
}

fn filled_in(command: Command, fields: &[(&str, &str)]) -> Command {
    let fields = fields.iter().map(|(var, value)| Field {
        var: Some((*var).to_owned()),
        values: vec![(*value).to_owned()],
        ..Field::default()
    });
    let form = Form { type_: Some("submit".into()), fields: fields.collect(), ..Form::default() };
    Command { form: form.into(), ..command }
}

fn taken(answer: Iq) -> Command {
    match answer.payload.0 {
        Some(IqPayload::Command(command)) => command,
        _ => panic!("{answer:?}"),
    }
}

fn refused(answer: &Iq) -> (Option<Condition>, Option<Refusal>) {
    let error = answer.error.as_ref().unwrap_or_else(|| panic!("{answer:?}"));
    (*error.condition, *error.refusal)
}

fn shown<'a>(command: &'a Command, var: &str) -> Vec<&'a str> {
    command.form.as_ref().unwrap().values(var).collect()
}

/// The lines that a result shows, a field for each.
fn lines<'a>(command: &'a Command, var: &str) -> Vec<&'a str> {
    let fields = &command.form.as_ref().unwrap().fields;
    let numbered = |field: &&Field| {
        let name = field.var.as_deref().unwrap();
        name.strip_prefix(var).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    fields.iter().filter(numbered).flat_map(|field| &field.values).map(String::as_str).collect()
}

fn allowed(command: &Command) -> Vec<Action> {
    assert_eq!(command.status, Some(Status::Executing));
    command.actions.as_ref().unwrap().allowed.clone()
}

#[tokio::test]
async fn settings_are_one_form() {
    let bench = Bench::new().await;
    let form = bench.give(BOB, "my-settings").await;
    assert_eq!(allowed(&form), [Action::Complete]);
    assert_eq!((shown(&form, "takes"), shown(&form, "block")), (vec!["everybody"], vec![""]));
    // No server has granted the roster permission.
    let options = &form.form.as_ref().unwrap().fields[0].options;
    let options: Vec<_> = options.iter().map(|option| option.value.as_deref().unwrap()).collect();
    assert_eq!(options, ["everybody", "nobody", "server"]);

    let again =
        taken(bench.go_on(BOB, &form, "next", &[("takes", "nobody"), ("block", "a@b.example")]).await);
    assert_eq!((allowed(&again), &again.sessionid), (vec![Action::Complete], &form.sessionid));
    assert_eq!(shown(&again, "takes"), ["nobody"], "what was filled in is remembered");
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Everybody, "and not yet so");

    let done = taken(bench.go_on(BOB, &again, "execute", &[]).await);
    assert_eq!((done.status, done.notes[0].kind), (Some(Status::Completed), Some(NoteKind::Info)));
    assert_eq!(shown(&done, "blocks"), ["a@b.example"]);
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Nobody);
    assert_eq!(bench.takes("carol@example.org").await, AcceptFrom::Everybody);
    let over = refused(&bench.go_on(BOB, &again, "complete", &[("takes", "everybody")]).await);
    assert_eq!(over, (Some(Condition::NotAllowed), Some(Refusal::SessionExpired)));
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Nobody);
}

/// Some clients show nothing of a field of several lines, and some submit one form only.
#[tokio::test]
async fn forms_are_for_every_client_and_in_its_language() {
    let bench = Bench::new().await;
    for contact in ["bob@example.org", "carol@example.org"] {
        bench.note("alice@example.org", contact, State::Relayed, None).await;
    }
    for node in
        ["my-settings", "my-data", "forget-me", "statistics", "recent-invitations", "groups", "group-create"]
    {
        let command = Command { lang: Some("de-CH".into()), ..given(node) };
        let answer = taken(bench.send(ADMIN, command).await);
        assert_eq!(answer.lang.as_deref(), Some("de"), "{node}");
        let form = answer.form.as_ref().unwrap();
        let types = ["text-single", "list-single"].map(|it| Some(it.to_owned()));
        assert!(form.fields.iter().all(|field| types.contains(&field.type_)), "{node}: {form:?}");
        assert!(form.fields.iter().all(|field| field.values.len() == 1), "{node}: {form:?}");
    }
    let asked =
        Iq { from: Some(BOB.into()), ..Iq::set(COMPONENT, "c1", IqPayload::Command(given("my-settings"))) };
    let answer = taken(bench.commands.answer(&Iq { lang: Some("fr".into()), ..asked.clone() }).await);
    assert_eq!(answer.form.as_ref().unwrap().title.as_deref(), Some("Mes préférences"));
    let russian = Iq { lang: Some("ru".into()), ..asked };
    assert_eq!(bench.commands.listed(&russian)[0].name, "Мои настройки");
    let create = taken(bench.send(ADMIN, given("group-create")).await);
    let instructions = create.form.as_ref().unwrap().instructions.as_ref().unwrap();
    assert_eq!(instructions, "An invitation to NAME@invites.example.org goes to everybody in the group.");
}

#[tokio::test]
async fn what_is_left_out_stays() {
    let bench = Bench::new().await;
    let from_whom = bench.give(BOB, "my-settings").await;
    bench.go_on(BOB, &from_whom, "complete", &[("takes", "nobody")]).await;
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Nobody);

    // Programs that know the fields send them with the first step.
    let at_once =
        filled_in(given("my-settings"), &[("block", "tea@conference.example.org eve@evil.example")]);
    assert_eq!(taken(bench.send(BOB, at_once).await).status, Some(Status::Completed));
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Nobody);
    assert_eq!(bench.blocks("bob@example.org").await, ["eve@evil.example", "tea@conference.example.org"]);

    let lift = filled_in(given("my-settings"), &[("lift", "eve@evil.example"), ("takes", "everybody")]);
    bench.send("Bob@EXAMPLE.org/phone", lift).await;
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Everybody);
    assert_eq!(bench.blocks("bob@example.org").await, ["tea@conference.example.org"]);
    bench.send(BOB, filled_in(given("my-settings"), &[("lift", "/everything")])).await;
    assert_eq!(bench.blocks("bob@example.org").await, [""; 0]);
}

#[tokio::test]
async fn what_makes_no_sense_is_shown_again_and_changes_nothing() {
    let bench = Bench::new().await;
    let wrong = filled_in(given("my-settings"), &[("takes", "nobody"), ("block", "a@@b")]);
    let again = taken(bench.send(BOB, wrong).await);
    assert_eq!(allowed(&again), [Action::Complete]);
    assert_eq!(again.notes[0].kind, Some(NoteKind::Error));
    assert!(
        again.form.as_ref().unwrap().instructions.as_ref().unwrap().contains("a@@b"),
        "for clients without notes"
    );
    assert_eq!(shown(&again, "block"), ["a@@b"], "to be mended");
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Everybody);
    bench.go_on(BOB, &again, "complete", &[("block", "a@b")]).await;
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Nobody);

    let contacts = taken(bench.send(BOB, filled_in(given("my-settings"), &[("takes", "contacts")])).await);
    assert_eq!(contacts.notes[0].text, "The relay can't see your contact list.");
    let wat = bench.send(BOB, filled_in(given("my-settings"), &[("takes", "wat")])).await;
    assert_eq!(refused(&wat), (Some(Condition::BadRequest), Some(Refusal::BadPayload)));
    let much = bench.send(BOB, filled_in(given("my-settings"), &[("x", &"y".repeat(20_000))])).await;
    assert_eq!(refused(&much), (Some(Condition::BadRequest), Some(Refusal::BadPayload)));
}

#[tokio::test]
async fn what_is_given_up_is_forgotten() {
    let bench = Bench::new().await;
    let page = bench.give(BOB, "my-settings").await;
    let canceled = taken(bench.go_on(BOB, &page, "cancel", &[("takes", "nobody")]).await);
    assert_eq!(canceled.status, Some(Status::Canceled));
    assert_eq!(refused(&bench.go_on(BOB, &page, "complete", &[]).await).1, Some(Refusal::SessionExpired));

    let page = bench.give(BOB, "my-settings").await;
    let mut command =
        Command { sessionid: page.sessionid, ..filled_in(given("my-settings"), &[("takes", "nobody")]) };
    command.form.0.as_mut().unwrap().type_ = Some("cancel".into());
    assert_eq!(taken(bench.send(BOB, command).await).status, Some(Status::Canceled));
    assert_eq!(bench.takes("bob@example.org").await, AcceptFrom::Everybody);
}

#[tokio::test]
async fn refusals_are_those_of_the_xep() {
    let bench = Bench::new().await;
    let page = bench.give(BOB, "my-settings").await;
    let action = |node: &str, action: &str| Command { action: Some(action.into()), ..given(node) };
    let session = |node: &str, id: Option<&str>| Command { sessionid: id.map(Into::into), ..given(node) };
    let stolen = page.sessionid.as_deref();
    let bad = |refusal| (Some(Condition::BadRequest), Some(refusal));
    for (what, from, command, expected) in [
        ("an action nobody knows", BOB, action("my-settings", "wat"), bad(Refusal::MalformedAction)),
        ("nothing to go on with", BOB, action("my-settings", "complete"), bad(Refusal::BadAction)),
        ("a session that never was", BOB, session("my-settings", Some("x-1")), bad(Refusal::BadSessionid)),
        (
            "somebody else's session",
            "eve@example.org/x",
            session("my-settings", stolen),
            bad(Refusal::BadSessionid),
        ),
        ("another command's session", BOB, session("forget-me", stolen), bad(Refusal::BadSessionid)),
        ("no such command", BOB, given("reboot"), (Some(Condition::ItemNotFound), None)),
        ("an admin's command", BOB, given("statistics"), (Some(Condition::Forbidden), None)),
        (
            "an admin's name elsewhere",
            "admin@evil.example/x",
            given("statistics"),
            (Some(Condition::Forbidden), None),
        ),
        ("a server", "example.org", given("my-settings"), (Some(Condition::Forbidden), None)),
        (
            "an occupant",
            "tea@conference.example.org/B",
            given("my-settings"),
            (Some(Condition::Forbidden), None),
        ),
    ] {
        assert_eq!(refused(&bench.send(from, command).await), expected, "{what}");
    }
    assert_eq!(taken(bench.go_on(BOB, &page, "complete", &[]).await).status, Some(Status::Completed));

    let elsewhere = Iq::set(format!("bob@{COMPONENT}"), "c1", IqPayload::Command(given("my-settings")));
    let answer = bench.commands.answer(&Iq { from: Some(BOB.into()), ..elsewhere }).await;
    assert_eq!(refused(&answer), (Some(Condition::ItemNotFound), None), "on a relay address");
}

#[tokio::test]
async fn people_are_shown_the_commands_that_they_may_give() {
    let bench = Bench::new().await;
    let nodes = |from: &str, to: &str| {
        let question = Iq { from: Some(from.into()), to: Some(to.into()), ..Iq::default() };
        bench.commands.listed(&question).into_iter().map(|it| it.node).collect::<Vec<_>>()
    };
    assert_eq!(nodes(BOB, COMPONENT), ["my-settings", "my-data", "forget-me"]);
    assert_eq!(nodes("carol@elsewhere.example/x", COMPONENT), ["my-settings", "my-data", "forget-me"]);
    assert_eq!(
        nodes(ADMIN, COMPONENT)[3..],
        [
            "statistics",
            "recent-invitations",
            "block-for-everybody",
            "invite",
            "groups",
            "group-create",
            "group-add",
            "group-remove",
            "group-allow",
            "group-delete",
            "reload"
        ]
    );
    assert_eq!(nodes(ADMIN, r"bob\40example.org@invites.example.org"), [""; 0]);
    assert_eq!(nodes("example.org", COMPONENT), [""; 0]);
}

#[tokio::test]
async fn an_inviter_is_not_told_what_became_of_it() {
    let bench = Bench::new().await;
    let reason = Some(Reason::OptedOut);
    bench.note("alice@example.org", "bob@example.org", State::Suppressed, reason).await;
    bench.note("eve@example.org", "carol@example.org", State::Relayed, None).await;

    let bobs = bench.give(BOB, "my-data").await;
    assert_eq!(bobs.status, Some(Status::Completed));
    let [line] = lines(&bobs, "received")[..] else { panic!("{bobs:?}") };
    assert!(
        line.ends_with("to tea@conference.example.org by alice@example.org: suppressed (opted-out)"),
        "{line}"
    );
    assert_eq!(lines(&bobs, "sent"), [""; 0]);

    let alices = bench.give("alice@example.org/x", "my-data").await;
    let [line] = lines(&alices, "sent")[..] else { panic!("{alices:?}") };
    assert!(line.ends_with("UTC to tea@conference.example.org for bob@example.org"), "{line}");
    assert!(!format!("{alices:?}").contains("opted") && !format!("{alices:?}").contains("suppressed"));
}

#[tokio::test]
async fn who_wants_to_be_forgotten_says_how_far() {
    let bench = Bench::new().await;
    bench.send(BOB, filled_in(given("my-settings"), &[("takes", "nobody")])).await;
    for (what, kept) in [("invitations", AcceptFrom::Nobody), ("everything", AcceptFrom::Everybody)] {
        bench.note("alice@example.org", "bob@example.org", State::Relayed, None).await;
        bench.note("alice@example.org", "carol@example.org", State::Relayed, None).await;
        let page = bench.give(BOB, "forget-me").await;
        assert_eq!((allowed(&page), shown(&page, "what")), (vec![Action::Complete], vec!["invitations"]));
        let done = taken(bench.go_on(BOB, &page, "complete", &[("what", what)]).await);
        assert!(done.notes[0].text.starts_with("1 invitation is forgotten."), "{}", done.notes[0].text);
        assert_eq!(bench.takes("bob@example.org").await, kept, "{what}");
    }
    assert_eq!(lines(&bench.give(BOB, "my-data").await, "received"), [""; 0]);
    assert_eq!(lines(&bench.give("carol@example.org/x", "my-data").await, "received").len(), 2);
}

#[tokio::test]
async fn admins_see_and_block() {
    let bench = Bench::new().await;
    bench.note("alice@example.org", "bob@example.org", State::Relayed, None).await;
    bench
        .note(
            "tea@conference.example.org/\u{202e}Eve",
            "carol@example.org",
            State::Refused,
            Some(Reason::Outcast),
        )
        .await;

    let statistics = bench.give(ADMIN, "statistics").await;
    assert_eq!(shown(&statistics, "total"), ["2"]);
    assert_eq!(lines(&statistics, "ended"), ["1 relayed", "1 refused (outcast)"]);

    let recent = bench.give(ADMIN, "recent-invitations").await;
    let [newest, _] = lines(&recent, "invitations")[..] else { panic!("{recent:?}") };
    let end = "to tea@conference.example.org by tea@conference.example.org/\u{fffd}Eve for carol@example.org: refused (outcast)";
    assert!(newest.starts_with("2: ") && newest.ends_with(end), "{newest}");

    let page = bench.give(ADMIN, "block-for-everybody").await;
    let done = taken(
        bench.go_on(ADMIN, &page, "complete", &[("block", "evil.example tea@conference.example.org")]).await,
    );
    assert_eq!(lines(&done, "blocks"), ["evil.example", "tea@conference.example.org"]);
    assert!(bench.journal.is_blocked_for_all(&["evil.example".to_owned()]));
    let page = bench.give(ADMIN, "block-for-everybody").await;
    bench.go_on(ADMIN, &page, "complete", &[("lift", "evil.example")]).await;
    assert!(!bench.journal.is_blocked_for_all(&["evil.example".to_owned()]));
}

#[tokio::test]
async fn a_group_may_use_no_group() {
    let bench = Bench::new().await;
    let users = [("may-use", "named"), ("users", "@team")];
    let form = [&[("name", "den"), ("entries", "bob@example.org")], &users[..]].concat();
    let again = taken(bench.send(ADMIN, filled_in(given("group-create"), &form)).await);
    assert_eq!(allowed(&again), [Action::Complete]);
    assert!(again.notes[0].text.contains("@team is a group"), "{}", again.notes[0].text);
}

#[tokio::test]
async fn an_inviter_can_have_their_history_forgotten() {
    let bench = Bench::new().await;
    bench.note("alice@example.org", "bob@example.org", State::Relayed, None).await;
    bench.send("alice@example.org/x", filled_in(given("forget-me"), &[("what", "everything")])).await;
    let path = bench.folder.path().join("journal.db");
    let left = JournalReader::new(&path).history(&Filter { limit: 9, ..Filter::default() }).await.unwrap();
    assert_eq!(left, []);
}

#[tokio::test]
async fn an_admin_invites_in_somebodys_name() {
    let bench = Bench::new().await;
    let form = bench.give(ADMIN, "invite").await;
    let fields = &form.form.as_ref().unwrap().fields;
    let names: Vec<_> = fields.iter().map(|field| field.var.as_deref().unwrap()).collect();
    assert_eq!(names, ["room", "inviter", "contacts", "reason", "mode"]);
    assert_eq!(refused(&bench.send(BOB, given("invite")).await), (Some(Condition::Forbidden), None));

    let fields = [
        ("room", "tea@conference.example.org"),
        ("inviter", "alice@example.org"),
        ("contacts", "bob@example.org\ncarol@example.org"),
        ("reason", "Come"),
    ];
    let (answer, ()) = tokio::join!(bench.go_on(ADMIN, &form, "complete", &fields), async {
        let AskedToInvite { request, by, events } = bench.asked.lock().await.recv().await.unwrap();
        assert_eq!((request.room.as_str(), request.inviter.as_str()), (fields[0].1, fields[1].1));
        let Whom::Contacts(contacts) = &request.whom else { panic!("{request:?}") };
        assert_eq!(contacts.len(), 2);
        assert_eq!(
            (request.reason.unwrap().0.as_str(), request.dry_run, &*by),
            ("Come", false, "admin@example.org")
        );
        events.send(InviteEvent::Begun(2)).await.unwrap();
        for (contact, state, reason) in [
            ("bob@example.org", State::Relayed, None),
            ("carol@example.org", State::Refused, Some(Reason::Outcast)),
        ] {
            let (contact, sent_as) = (contact.to_owned(), None);
            let it = InvitedContact { contact, id: Some(1), state, reason, sent_as, adds_member: false };
            events.send(InviteEvent::Contact(it)).await.unwrap();
        }
    });
    let done = taken(answer);
    assert_eq!(done.notes[0].text, "Invitations that have ended: 2. Still under way: 0.");
    assert_eq!(
        lines(&done, "contacts"),
        ["bob@example.org: relayed", "carol@example.org: refused (outcast)"]
    );
}

/// Whoever asks waits no longer than clients do.
#[tokio::test(start_paused = true)]
async fn an_admin_is_told_what_is_still_under_way() {
    let bench = Bench::new().await;
    let fields = [
        ("room", "tea@conference.example.org"),
        ("inviter", "alice@example.org"),
        ("contacts", "@members"),
        ("mode", "dry-run"),
    ];
    let (answer, events) = tokio::join!(bench.send(ADMIN, filled_in(given("invite"), &fields)), async {
        let AskedToInvite { request, events, .. } = bench.asked.lock().await.recv().await.unwrap();
        assert_eq!((request.whom, request.dry_run), (Whom::Members, true));
        events.send(InviteEvent::Begun(3)).await.unwrap();
        events
    });
    let done = taken(answer);
    assert_eq!(done.notes[0].text, "Nobody was invited. Contacts asked about: 0. Not answered yet: 3.");
    assert!(!events.is_closed(), "what is not begun yet goes on");
}

#[tokio::test]
async fn what_stands_against_inviting_is_shown_above_the_form() {
    let bench = Bench::new().await;
    let with = |room: &'static str, inviter: &'static str, contacts: &'static str| {
        let fields = [("room", room), ("inviter", inviter), ("contacts", contacts)];
        bench.send(ADMIN, filled_in(given("invite"), &fields))
    };
    let (room, alice) = ("tea@conference.example.org", "alice@example.org");
    for (answer, complaint) in [
        (with("tea@@x", alice, "bob@example.org").await, "tea@@x is not an address"),
        (with(room, "", "bob@example.org").await, "is not an address"),
        (with(room, alice, "bob@@example").await, "bob@@example is not an address"),
        (with(room, alice, "").await, "name contacts, or one group"),
        (with(room, alice, "@team bob@example.org").await, "name contacts, or one group"),
    ] {
        let again = taken(answer);
        assert_eq!(again.status, Some(Status::Executing));
        assert!(again.notes[0].text.contains(complaint), "{:?}", again.notes);
    }
    // What only the relay finds out.
    let (answer, ()) = tokio::join!(with(room, alice, "@team"), async {
        let AskedToInvite { request, events, .. } = bench.asked.lock().await.recv().await.unwrap();
        assert_eq!(request.whom, Whom::Group("team".to_owned()));
        events.send(InviteEvent::Obstacle(Obstacle::NoUser("alice@example.org".to_owned()))).await.unwrap();
    });
    let again = taken(answer);
    assert!(
        again.notes[0].text.ends_with("is not a user of this server. Name one on example.org."),
        "{:?}",
        again.notes
    );
}
