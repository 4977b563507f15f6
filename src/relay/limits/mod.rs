//! How many invitations are too many (XEP-0249 §5, the second attack): a token bucket for each inviter, each inviter's
//! domain, each room and each contact. Knows nothing of the journal or of what is done with the answer.

mod buckets;
#[cfg(test)]
mod tests;

use std::time::Duration;

use moka::sync::Cache;
use tokio::time::Instant;

pub(crate) use self::buckets::Answer;
use self::buckets::{Buckets, micros};
use crate::config::{self, Rate};
use crate::model::address;
use crate::telemetry::metrics::{ByOne, Registry};

/// Remembered pairs of a contact whose limit is used up and an inviter who has been told so.
const MAX_TOLD: u64 = 10_000;

/// From this limit of a contact on, one inviter can't use it up alone.
const MIN_LIMIT_WITH_SHARES: u32 = 8;

/// Ad-hoc commands for each person, and for all people of a domain together; each page counts.
const COMMANDS: Rate = Rate { count: 60, per: Duration::from_secs(600) };
const COMMANDS_OF_DOMAIN: Rate = Rate { count: 3000, per: Duration::from_secs(600) };

/// Error answers to unexpected stanzas, for each person, and for all people of a domain together.
const ANSWERS: Rate = Rate { count: 20, per: Duration::from_secs(60) };
const ANSWERS_TO_DOMAIN: Rate = Rate { count: 600, per: Duration::from_secs(60) };

/// All buckets. Times are microseconds on the monotonic clock, 0 being the start of the relay.
#[derive(Debug)]
pub(crate) struct Limits {
    start: Instant,
    inviters: Buckets,
    domains: Buckets,
    rooms: Buckets,
    contacts: Buckets,
    /// Contacts, for all inviters of a domain elsewhere together: half of the contact's limit, so that no other server can
    /// use it up.
    shares: Buckets,
    /// Contacts, for each inviter here: three quarters of the contact's limit, so that nobody can use it up alone.
    own_shares: Buckets,
    /// A small limit has no quarters.
    inviters_have_shares: bool,
    /// Contact and inviter who has been told of the contact's limit in its period.
    told: Cache<(String, String), ()>,
    /// People reached by fan-outs, for inviters, domains and rooms; counted apart from other invitations.
    reach: [Buckets; 3],
    forgers: Buckets,
    domains_of_forgers: Buckets,
    commands: Buckets,
    commands_of_domains: Buckets,
    answers: Buckets,
    answers_to_domains: Buckets,
    hits: ByOne,
}

impl Limits {
    pub(crate) fn new(config: &config::Limits) -> Self {
        let hits = ByOne::default();
        let buckets = |limit, rate| Buckets::new(rate, hits.get_or_create_owned(&[("limit", limit)]));
        let [inviters_reach, domains_reach, rooms_reach] = reach(config);
        Self {
            start: Instant::now(),
            inviters: buckets("inviter", config.per_inviter),
            domains: buckets("domain", config.per_domain),
            rooms: buckets("room", config.per_room),
            contacts: buckets("contact", config.per_contact),
            shares: buckets("contact", half(config.per_contact)),
            own_shares: buckets("contact", three_quarters(config.per_contact)),
            inviters_have_shares: have_shares(config.per_contact),
            told: Cache::builder().max_capacity(MAX_TOLD).time_to_live(config.per_contact.per).build(),
            reach: [
                buckets("inviter", inviters_reach),
                buckets("domain", domains_reach),
                buckets("room", rooms_reach),
            ],
            forgers: buckets("untrusted", config.per_inviter),
            domains_of_forgers: buckets("untrusted", config.per_domain),
            commands: buckets("commands", COMMANDS),
            commands_of_domains: buckets("commands", COMMANDS_OF_DOMAIN),
            answers: buckets("answers", ANSWERS),
            answers_to_domains: buckets("answers", ANSWERS_TO_DOMAIN),
            hits,
        }
    }

    /// The same buckets with other limits; tokens that were taken stay taken.
    pub(crate) fn under(&self, config: &config::Limits) -> Self {
        let at = |buckets: &Buckets, rate| buckets.at(rate, self.now());
        let [inviters, domains, rooms] = &self.reach;
        let [inviters_reach, domains_reach, rooms_reach] = reach(config);
        Self {
            start: self.start,
            inviters: at(&self.inviters, config.per_inviter),
            domains: at(&self.domains, config.per_domain),
            rooms: at(&self.rooms, config.per_room),
            contacts: at(&self.contacts, config.per_contact),
            shares: at(&self.shares, half(config.per_contact)),
            own_shares: at(&self.own_shares, three_quarters(config.per_contact)),
            inviters_have_shares: have_shares(config.per_contact),
            told: Cache::builder().max_capacity(MAX_TOLD).time_to_live(config.per_contact.per).build(),
            reach: [at(inviters, inviters_reach), at(domains, domains_reach), at(rooms, rooms_reach)],
            forgers: at(&self.forgers, config.per_inviter),
            domains_of_forgers: at(&self.domains_of_forgers, config.per_domain),
            commands: self.commands.clone(),
            commands_of_domains: self.commands_of_domains.clone(),
            answers: self.answers.clone(),
            answers_to_domains: self.answers_to_domains.clone(),
            hits: self.hits.clone(),
        }
    }

    /// Registers the metrics of this module.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "How often something was refused or left out because a limit was used up";
        registry.register("limit_hits", help, self.hits.clone());
    }

    /// Counts a mediated invitation that has arrived. An inviter who is over their own limit uses up nothing of their domain
    /// and room. If the room names the inviter by a nick alone, only the nick is counted; [`Self::unmasked`] counts the rest.
    pub(crate) fn received(&self, inviter: &str, room: &str) -> Answer {
        self.received_at(self.now(), inviter, Some(room))
    }

    /// Counts a direct invitation that has arrived, but not for its room: the inviter may have no right to invite there.
    pub(crate) fn received_from(&self, inviter: &str) -> Answer {
        self.received_at(self.now(), inviter, None)
    }

    /// Counts a direct invitation for its room, once it is known that the inviter may invite there.
    pub(crate) fn seen_in(&self, room: &str) -> Answer {
        self.rooms.take(room, self.now())
    }

    /// Counts a fan-out to `people` people for inviter, domain and room. The limits are those for single invitations scaled to
    /// an hour, but large enough for one fan-out of the maximum size; they are counted apart.
    pub(crate) fn reaching(&self, inviter: Option<&str>, room: &str, people: usize) -> Answer {
        self.reaching_at(self.now(), inviter, room, people)
    }

    /// Counts an invitation whose inviter was known by nick only, now that the person is found out (`None`: they could not
    /// be). So a person with many nicks has no more than one person's limit.
    pub(crate) fn unmasked(&self, person: Option<&str>, room: &str) -> Answer {
        match person {
            Some(person) => self.received_at(self.now(), person, Some(room)),
            // In a bucket of their own, so that they use up nothing of known inviters.
            None => self.rooms.take(&format!("{room}/"), self.now()),
        }
    }

    /// Counts a stanza from a room or host that is not trusted, in buckets of their own: the names in it may be forged.
    pub(crate) fn forged(&self, sender: &str) -> Answer {
        self.one_of_domain(&self.forgers, &self.domains_of_forgers, sender)
    }

    /// Counts an ad-hoc command.
    pub(crate) fn commanded(&self, person: &str) -> Answer {
        self.one_of_domain(&self.commands, &self.commands_of_domains, person)
    }

    /// Counts an error answer to an unexpected stanza.
    pub(crate) fn answered(&self, person: &str) -> Answer {
        self.one_of_domain(&self.answers, &self.answers_to_domains, person)
    }

    /// Counts an invitation that is about to be sent to a contact, or would be, if the contact wanted it. `elsewhere`: the
    /// inviter's domain, if it is another server's. `told`: a refusal reaches the inviter; each is told once that the contact's
    /// limit is used up.
    pub(crate) fn sending(
        &self,
        contact: &str,
        inviter: &str,
        elsewhere: Option<&str>,
        told: bool,
    ) -> Answer {
        if self.sending_at(self.now(), contact, inviter, elsewhere) == Answer::Pass {
            return Answer::Pass;
        }
        let first = || self.told.entry((contact.to_owned(), inviter.to_owned())).or_insert(()).is_fresh();
        if !told || first() { Answer::Over } else { Answer::StillOver }
    }

    /// Counts an invitation that an earlier run received this long ago, but not for its contact. `room`: `None` if it was not
    /// counted for its room.
    pub(crate) fn remember(&self, ago: Duration, inviter: &str, room: Option<&str>) {
        let at = -micros(ago);
        self.received_at(at, inviter, room);
        if is_nick(inviter)
            && let Some(room) = room
        {
            self.rooms.take(&format!("{room}/"), at);
        }
    }

    /// Counts a part of a fan-out of an earlier run for inviter and room.
    pub(crate) fn remember_part(&self, ago: Duration, inviter: &str, room: &str) {
        let person = Some(inviter).filter(|inviter| !is_nick(inviter));
        self.reaching_at(-micros(ago), person, room, 1);
    }

    /// Counts an invitation of an earlier run for its contact.
    pub(crate) fn remember_sent(&self, ago: Duration, contact: &str, inviter: &str, elsewhere: Option<&str>) {
        self.sending_at(-micros(ago), contact, inviter, elsewhere);
    }

    /// Counts one thing of somebody, and, if they are within their limit, of their domain.
    fn one_of_domain(&self, ones: &Buckets, domains: &Buckets, who: &str) -> Answer {
        take_all(&[(ones, Some(who)), (domains, Some(address::domain_of(who)))], 1, self.now())
    }

    fn received_at(&self, at: i64, inviter: &str, room: Option<&str>) -> Answer {
        let all = [
            (&self.inviters, Some(inviter)),
            (&self.domains, Some(address::domain_of(inviter))),
            (&self.rooms, room),
        ];
        let known = if is_nick(inviter) { 1 } else { all.len() };
        take_all(&all[..known], 1, at)
    }

    fn reaching_at(&self, at: i64, inviter: Option<&str>, room: &str, people: usize) -> Answer {
        let [inviters, domains, rooms] = &self.reach;
        let all = [(inviters, inviter), (domains, inviter.map(address::domain_of)), (rooms, Some(room))];
        take_all(&all, i64::try_from(people).unwrap_or(i64::MAX), at)
    }

    fn sending_at(&self, at: i64, contact: &str, inviter: &str, elsewhere: Option<&str>) -> Answer {
        let share = elsewhere.map(|domain| format!("{contact}\n{domain}"));
        let own = (elsewhere.is_none() && self.inviters_have_shares).then(|| format!("{contact}\n{inviter}"));
        let all = [
            (&self.shares, share.as_deref()),
            (&self.own_shares, own.as_deref()),
            (&self.contacts, Some(contact)),
        ];
        take_all(&all, 1, at)
    }

    fn now(&self) -> i64 {
        micros(self.start.elapsed())
    }
}

/// Takes `count` tokens from each of these buckets, up to the first that has too few. Buckets without a key are skipped.
fn take_all(all: &[(&Buckets, Option<&str>)], count: i64, at: i64) -> Answer {
    for (buckets, key) in all {
        let answer = key.map_or(Answer::Pass, |key| buckets.take_some(key, count, at));
        if answer != Answer::Pass {
            return answer;
        }
    }
    Answer::Pass
}

/// How many people inviters, domains and rooms may reach by invitations to several at once.
fn reach(config: &config::Limits) -> [Rate; 3] {
    [config.per_inviter, config.per_domain, config.per_room]
        .map(|rate| in_an_hour(rate, config.max_recipients))
}

/// As many as this rate allows in an hour, and no fewer than `least`.
fn in_an_hour(rate: Rate, least: u32) -> Rate {
    let hour = Duration::from_secs(60 * 60);
    let count = u128::from(rate.count) * hour.as_micros() / rate.per.as_micros().max(1);
    Rate { count: u32::try_from(count).unwrap_or(u32::MAX).max(least), per: hour }
}

/// Half of a limit, but no less than one.
fn half(rate: Rate) -> Rate {
    Rate { count: rate.count.div_ceil(2), ..rate }
}

fn three_quarters(rate: Rate) -> Rate {
    Rate { count: rate.count - rate.count / 4, ..rate }
}

/// Whether each inviter has a share of a contact's limit.
fn have_shares(rate: Rate) -> bool {
    rate.count >= MIN_LIMIT_WITH_SHARES
}

/// Whether the inviter is known as `ROOM/NICK` only.
fn is_nick(inviter: &str) -> bool {
    inviter.contains('/')
}
