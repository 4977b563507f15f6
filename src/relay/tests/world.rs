//! The server at the other end of the link, with rooms and people, and what they have got. It handles what it is sent in
//! order, as servers do. Knows nothing of what a test expects.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::link::scripted::{Confirmation, Reply, Sent, Server};
use crate::model::{address, clock};
use crate::wire::disco::{DiscoInfo, Feature};
use crate::wire::fate::HandOverFate;
use crate::wire::muc::{AdminItem, Affiliation, MucAdmin, Role};
use crate::wire::privileged::{Advertisement, Version};
use crate::wire::stanza::{Inner, Privilege};
use crate::wire::top_level::parse;
use crate::wire::{Condition, Iq, IqPayload, IqType, Message, Stanza, StanzaError};

pub(super) const COMPONENT: &str = "invites.example.org";
pub(super) const HOST: &str = "example.org";
pub(super) const SERVICE: &str = "conference.example.org";

/// The address from which the server's module hands over.
const MODULE: &str = "conference.example.org/muc-invite-relay";

/// How long the module waits for the answer to a hand-over.
pub(super) const MODULE_TIMEOUT: Duration = Duration::from_secs(5);

/// A room.
#[derive(Debug, Default)]
pub(super) struct Room {
    pub(super) members_only: bool,
    pub(super) affiliations: BTreeMap<String, Affiliation>,
    /// By nick.
    pub(super) occupants: BTreeMap<String, String>,
    /// It does not answer.
    pub(super) silent: bool,
    /// How often it was asked for a list or what it is.
    pub(super) asked: usize,
}

/// An invitation that a contact has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) contact: String,
    pub(super) room: String,
    pub(super) from: String,
    pub(super) inviter: String,
    /// The stanza's id; `None` if the server has delivered the room's own invitation.
    pub(super) id: Option<String>,
    pub(super) reason: String,
    pub(super) at: DateTime<Utc>,
}

/// What an inviter, or their room, was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) to: String,
    pub(super) id: String,
}

/// An invitation that the module has handed over.
#[derive(Debug)]
struct HandedOver {
    room: String,
    contact: String,
    deadline: DateTime<Utc>,
    fate: Fate,
    /// The direct invitation has passed the server.
    passed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    Taken,
    Delivered,
}

/// The server, its rooms, and all people.
#[derive(Default)]
pub(super) struct World {
    pub(super) rooms: BTreeMap<String, Room>,
    /// What the server's clock is ahead of the relay's.
    pub(super) ahead: Duration,
    /// People whose messages come back.
    pub(super) unreachable: BTreeSet<String>,
    pub(super) reached: Vec<Reached>,
    pub(super) told: Vec<Told>,
    /// By id: how often a stanza was under way, or had been confirmed a moment ago, when the connection ended or the relay
    /// was killed. So often it may have been sent once more.
    pub(super) unsure: BTreeMap<String, usize>,
    /// The ids of answers to hand-overs, with the conditions of those that are errors.
    pub(super) answers: Vec<(String, Option<Condition>)>,
    /// When the room made the contact a member for a hand-over, by its id.
    pub(super) made_members: BTreeMap<String, DateTime<Utc>>,
    handed_over: BTreeMap<String, HandedOver>,
    /// By the reason that each invitation has, which differs from all others.
    inviters: BTreeMap<String, String>,
    /// What has happened, for who reads that a test has failed.
    story: Vec<String>,
    in_flight: VecDeque<Sent>,
    confirmed_just_now: BTreeSet<String>,
}

/// A room's address.
pub(super) fn room(name: &str) -> String {
    format!("{name}@{SERVICE}")
}

/// A person's address.
pub(super) fn person(name: &str) -> String {
    format!("{name}@{HOST}")
}

/// A person's relay address.
pub(super) fn relay_address(name: &str) -> String {
    format!("{name}\\40{HOST}@{COMPONENT}")
}

impl World {
    /// Brings the link up. The host lets the relay send in its users' names.
    pub(super) fn connects(server: &mut Server) {
        let grants = Advertisement {
            version: Version::V2,
            outgoing_messages: true,
            roster_get: false,
            presence: false,
            iq: Vec::new(),
        };
        server.comes_up(&[(HOST, grants)]);
    }

    /// The connection ends: what is under way may have been handled, from the first on, or not. Half of it was.
    pub(super) fn connection_ends(&mut self, server: &mut Server) {
        self.in_flight.extend(std::iter::from_fn(|| server.sent()));
        server.goes_down();
        let ids = self.in_flight.iter().filter_map(id_of).chain(std::mem::take(&mut self.confirmed_just_now));
        for id in ids {
            *self.unsure.entry(id).or_default() += 1;
        }
        let handled = self.in_flight.len().div_ceil(2);
        for sent in std::mem::take(&mut self.in_flight).into_iter().take(handled) {
            match sent {
                Sent::Stanza(stanza, _) => drop(self.take(stanza)),
                Sent::Question(question, _) => drop(self.answer(&question)),
            }
        }
    }

    /// Takes what the relay has sent, and handles at most so many of what it has taken. Returns how many.
    pub(super) fn serve(&mut self, server: &mut Server, most: usize) -> usize {
        self.in_flight.extend(std::iter::from_fn(|| server.sent()));
        let mut handled = 0;
        while handled < most
            && let Some(sent) = self.in_flight.pop_front()
        {
            handled += 1;
            match sent {
                Sent::Stanza(stanza, confirmation) => self.confirm(stanza, confirmation),
                Sent::Question(question, reply) => self.reply(&question, reply),
            }
        }
        handled
    }

    fn notes(&mut self, what: std::fmt::Arguments<'_>) {
        self.story.push(format!("{} {what}", clock::now().format("%d %T%.3f")));
    }

    /// Notes what happens to everybody.
    pub(super) fn happens(&mut self, what: &str) {
        self.notes(format_args!("{what}"));
    }

    /// What has happened to this contact in this room, and to everybody.
    pub(super) fn story_of(&self, contact: &str, room: &str) -> String {
        let name = address::split_resource(contact).0.split('@').next().unwrap_or_default();
        let of_it = |line: &&String| {
            !line.contains('@')
                || (line.contains(&format!("{name}@")) || line.contains(&format!("{name}\\40")))
                    && line.contains(room)
        };
        self.story.iter().filter(of_it).fold(String::new(), |story, line| story + "\n" + line)
    }

    /// Nothing is under way any more.
    pub(super) fn is_quiet(&mut self) {
        self.confirmed_just_now.clear();
    }

    fn confirm(&mut self, stanza: Stanza, confirmation: Confirmation) {
        let id = match &stanza {
            Stanza::Message(message) => message.id.clone(),
            _ => None,
        };
        match self.take(stanza) {
            Ok(()) => {
                self.confirmed_just_now.extend(id);
                confirmation.confirm();
            }
            Err(error) => confirmation.bounce(error),
        }
    }

    fn reply(&mut self, question: &Iq, reply: Reply) {
        // If there is none, the one who asked waits in vain.
        match self.answer(question) {
            Some(answer) => reply.answer(answer),
            None => std::mem::forget(reply),
        }
    }

    /// Takes a stanza, unless it comes back.
    fn take(&mut self, stanza: Stanza) -> Result<(), StanzaError> {
        match stanza {
            Stanza::Message(message) => self.pass_on(&inner(message)),
            Stanza::Iq(answer) => {
                self.module_gets(&answer);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn pass_on(&mut self, message: &Message) -> Result<(), StanzaError> {
        let to = address::split_resource(message.to.as_deref().unwrap_or_default()).0.to_owned();
        let id = message.id.clone().unwrap_or_default();
        if let Some(x) = message.conference.first() {
            if self.unreachable.contains(&to) {
                let room = x.jid.clone().unwrap_or_default();
                self.notes(format_args!("{id} to {room} comes back from {to}"));
                return Err(StanzaError::new(Condition::RemoteServerNotFound, None));
            }
            let reason = x.reason.clone().unwrap_or_default();
            if let Some(handed_over) = self.handed_over.get_mut(&reason) {
                handed_over.passed = true;
            }
            let room = x.jid.clone().unwrap_or_default();
            let from = message.from.clone().unwrap_or_default();
            let inviter = self.inviters.get(&reason).cloned().unwrap_or_default();
            self.notes(format_args!("{to} gets {reason} {id} to {room}"));
            self.reached.push(Reached {
                contact: to,
                room,
                from,
                inviter,
                id: Some(id),
                reason,
                at: clock::now(),
            });
            return Ok(());
        }
        let decline = message.muc_user.iter().flat_map(|x| &x.declines).next();
        if decline.is_some() || message.body.0.is_some() {
            self.told.push(Told { to, id });
        }
        Ok(())
    }

    /// Sends an addressed invitation to the relay, through the room. The room makes the relay address a member if it lets
    /// in nobody else.
    pub(super) fn invite(&mut self, server: &Server, inviter: &str, contact: &str, name: &str, reason: &str) {
        let relay_address = relay_address(contact);
        let host = self.rooms.entry(room(name)).or_default();
        if host.members_only {
            host.affiliations.entry(relay_address.clone()).or_insert(Affiliation::Member);
        }
        self.inviters.insert(reason.to_owned(), inviter.to_owned());
        self.notes(format_args!("{inviter} invites {relay_address} to {}: {reason}", room(name)));
        server.send(mediated(&room(name), &relay_address, inviter, reason));
    }

    /// The direct invitation that the contact got last comes back after all: their server is gone.
    pub(super) fn comes_back(&mut self, server: &Server, contact: &str) {
        let at = self.reached.iter().rposition(|it| it.contact == person(contact)).unwrap();
        let Reached { contact, from, id, .. } = self.reached.remove(at);
        self.notes(format_args!("{id:?} comes back from {contact}, too late"));
        let id = id.unwrap();
        let xml = format!(
            "<message type='error' from='{contact}' to='{from}' id='{id}'><error type='cancel'>\
             <remote-server-timeout xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
        );
        server.send(parse(xml.as_bytes()).unwrap());
    }

    /// Sends a direct invitation to a contact's relay address.
    pub(super) fn write(&mut self, server: &Server, inviter: &str, contact: &str, room: &str) {
        let (from, to) = (person(inviter), relay_address(contact));
        self.notes(format_args!("{inviter} writes to {to} of {room}"));
        let xml = format!(
            "<message from='{from}/phone' to='{to}' id='w'><x xmlns='jabber:x:conference' jid='{room}'/></message>"
        );
        server.send(parse(xml.as_bytes()).unwrap());
    }

    /// Hands an invitation over to the relay. If it can't, or gets no answer in time, the server delivers it itself.
    pub(super) fn hand_over(&mut self, server: &Server, inviter: &str, contact: &str, name: &str, id: &str) {
        server.send(self.handed_over(inviter, contact, name, id));
    }

    /// The same, of which the relay reads nothing yet.
    pub(super) fn handed_over(&mut self, inviter: &str, contact: &str, name: &str, id: &str) -> Stanza {
        let (room, contact) = (room(name), person(contact));
        let mut made_member = false;
        let host = self.rooms.entry(room.clone()).or_default();
        if host.members_only && !host.affiliations.contains_key(&contact) {
            host.affiliations.insert(contact.clone(), Affiliation::Member);
            made_member = true;
            self.made_members.insert(id.to_owned(), clock::now());
        }
        let deadline = clock::now() + MODULE_TIMEOUT;
        let handed_over = HandedOver {
            room: room.clone(),
            contact: contact.clone(),
            deadline,
            fate: Fate::Waiting,
            passed: false,
        };
        self.handed_over.insert(id.to_owned(), handed_over);
        self.inviters.insert(id.to_owned(), person(inviter));
        let member = if made_member { ", a member now" } else { "" };
        self.notes(format_args!("{inviter} invites {contact} to {room}: {id} is handed over{member}"));
        let time = |time: DateTime<Utc>| (time + self.ahead).to_rfc3339_opts(SecondsFormat::Millis, true);
        let times = format!("deadline='{}' now='{}'", time(deadline), time(clock::now()));
        hand_over(id, &times, made_member, &room, &contact, &person(inviter))
    }

    /// The answer to a hand-over has come.
    fn module_gets(&mut self, answer: &Iq) {
        let Some(id) = answer.id.clone() else { return };
        let condition = answer.error.0.as_ref().and_then(|error| *error.condition);
        self.answers.push((id.clone(), condition));
        self.time_passes();
        let Some(handed_over) = self.handed_over.get_mut(&id) else { return };
        if handed_over.fate != Fate::Waiting {
            return;
        }
        if answer.kind() == Some(IqType::Result) {
            handed_over.fate = Fate::Taken;
            let (room, contact) = (handed_over.room.clone(), handed_over.contact.clone());
            self.notes(format_args!("{id} of {contact} to {room} is taken"));
        } else {
            self.deliver(&id);
        }
    }

    /// The server delivers what it has handed over and has no answer for in time.
    pub(super) fn time_passes(&mut self) {
        let now = clock::now();
        let late = self.handed_over.iter().filter(|(_, it)| it.fate == Fate::Waiting && it.deadline <= now);
        for id in late.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.deliver(&id);
        }
    }

    fn deliver(&mut self, id: &str) {
        let Some(handed_over) = self.handed_over.get_mut(id) else { return };
        handed_over.fate = Fate::Delivered;
        let (room, contact) = (handed_over.room.clone(), handed_over.contact.clone());
        self.notes(format_args!("the server delivers {id} to {contact}, {room}"));
        let (inviter, reason) = (self.inviters.get(id).cloned().unwrap_or_default(), id.to_owned());
        self.reached.push(Reached {
            contact,
            from: room.clone(),
            room,
            inviter,
            id: None,
            reason,
            at: clock::now(),
        });
    }

    /// The hand-overs that the relay has taken: room, contact.
    pub(super) fn taken(&self) -> impl Iterator<Item = (&str, &str)> {
        let taken = self.handed_over.values().filter(|it| it.fate == Fate::Taken);
        taken.map(|it| (it.room.as_str(), it.contact.as_str()))
    }

    /// The answer to a question; `None` if there is none.
    fn answer(&mut self, question: &Iq) -> Option<Iq> {
        let to = question.to.clone().unwrap_or_default();
        let payload = question.payload.as_ref()?;
        if to == MODULE {
            return Some(self.fate(question, payload));
        }
        let Some(room) = self.rooms.get_mut(&to) else {
            return Some(Iq::error_to(question, Condition::ItemNotFound));
        };
        room.asked += 1;
        if room.silent {
            return None;
        }
        let payload = match payload {
            IqPayload::DiscoInfo(_) => {
                let kind = if room.members_only { "muc_membersonly" } else { "muc_open" };
                IqPayload::DiscoInfo(DiscoInfo {
                    features: vec![Feature::from(kind)],
                    ..DiscoInfo::default()
                })
            }
            IqPayload::MucAdmin(asked) => {
                let item = asked.items.first()?;
                if question.kind() == Some(IqType::Set) {
                    let (jid, affiliation) = (item.jid.clone()?, item.affiliation?);
                    self.story.push(format!(
                        "{} {jid} has the affiliation {affiliation:?} in {to}",
                        clock::now().format("%d %T%.3f")
                    ));
                    room.affiliations.remove(&jid);
                    if affiliation != Affiliation::None {
                        room.affiliations.insert(jid, affiliation);
                    }
                    return Some(Iq::result_to(question));
                }
                IqPayload::MucAdmin(MucAdmin { items: room.list(item) })
            }
            _ => return Some(Iq::error_to(question, Condition::ServiceUnavailable)),
        };
        Some(Iq { payload: payload.into(), ..Iq::result_to(question) })
    }

    fn fate(&mut self, question: &Iq, payload: &IqPayload) -> Iq {
        self.time_passes();
        let IqPayload::HandOverFate(asked) = payload else {
            return Iq::error_to(question, Condition::ServiceUnavailable);
        };
        let handed_over = asked.id.as_ref().and_then(|id| self.handed_over.get_mut(id));
        // One that still waits belongs to the relay from here on.
        if let Some(waiting) = handed_over.filter(|it| it.fate == Fate::Waiting) {
            waiting.fate = Fate::Taken;
        }
        let handed_over = asked.id.as_ref().and_then(|id| self.handed_over.get(id));
        let fate = match handed_over.map(|it| it.fate) {
            Some(Fate::Taken) => "taken",
            Some(Fate::Waiting | Fate::Delivered) => "delivered",
            None => "unknown",
        };
        let passed = handed_over.filter(|it| it.passed).map(|_| "true".to_owned());
        let answer = HandOverFate { id: asked.id.clone(), fate: Some(fate.to_owned()), passed };
        Iq { payload: IqPayload::HandOverFate(answer).into(), ..Iq::result_to(question) }
    }
}

impl Room {
    fn list(&self, asked: &AdminItem) -> Vec<AdminItem> {
        if let Some(affiliation) = asked.affiliation {
            let listed = self.affiliations.iter().filter(|(_, it)| **it == affiliation);
            return listed
                .map(|(jid, _)| AdminItem {
                    jid: Some(jid.clone()),
                    affiliation: Some(affiliation),
                    ..AdminItem::default()
                })
                .collect();
        }
        let listed = self.occupants.iter().filter(|_| asked.role == Some(Role::Participant));
        listed
            .map(|(nick, jid)| AdminItem {
                jid: Some(format!("{jid}/phone")),
                nick: Some(nick.clone()),
                role: Some(Role::Participant),
                ..AdminItem::default()
            })
            .collect()
    }
}

fn id_of(sent: &Sent) -> Option<String> {
    match sent {
        Sent::Stanza(Stanza::Message(message), _) => message.id.clone(),
        _ => None,
    }
}

/// The message that is sent in a user's name, if it is one.
fn inner(mut message: Message) -> Message {
    match message.privilege.0.take() {
        Some(Privilege::V2(content)) => content.forwarded.0.and_then(|it| it.message.0),
        _ => None,
    }
    .map_or(message, Inner::into_inner)
}

fn mediated(room: &str, to: &str, inviter: &str, reason: &str) -> Stanza {
    let xml = format!(
        "<message from='{room}' to='{to}'><x xmlns='http://jabber.org/protocol/muc#user'><invite from='{inviter}'>\
         <reason>{reason}</reason></invite></x></message>"
    );
    parse(xml.as_bytes()).unwrap()
}

fn hand_over(id: &str, times: &str, made_member: bool, room: &str, contact: &str, inviter: &str) -> Stanza {
    let xml = format!(
        "<iq type='set' from='{MODULE}' to='{COMPONENT}' id='{id}'><handover xmlns='urn:x-muc-invite-relay:0' \
         {times} made-member='{made_member}'><forwarded xmlns='urn:xmpp:forward:0'>\
         <message xmlns='jabber:client' from='{room}' to='{contact}'><x xmlns='http://jabber.org/protocol/muc#user'>\
         <invite from='{inviter}/phone'><reason>{id}</reason></invite></x></message></forwarded></handover></iq>"
    );
    parse(xml.as_bytes()).unwrap()
}
