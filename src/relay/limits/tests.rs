//! Whom the limits stop, and what a reload and a restart leave of them.

use super::*;

#[test]
fn one_who_floods_takes_nothing_from_others() {
    let rate = |count| Rate { count, per: Duration::from_secs(3600) };
    let limits = Limits::new(&config::Limits {
        per_inviter: rate(2),
        per_domain: rate(4),
        per_contact: rate(1),
        per_room: rate(5),
        max_recipients: 1,
    });
    let room = "tea@conference.example.org";
    let answers = |inviter: &str| limits.received(inviter, room);
    assert_eq!(
        [answers("eve@a.example"), answers("eve@a.example"), answers("eve@a.example")],
        [Answer::Pass, Answer::Pass, Answer::Over]
    );
    assert_eq!([answers("mallory@a.example"), answers("mallory@a.example")], [Answer::Pass; 2]);
    assert_eq!(answers("trudy@a.example"), Answer::Over, "the domain is over its limit");
    assert_eq!(answers("alice@example.org"), Answer::Pass);
    assert_eq!(answers("carol@example.org"), Answer::Over, "the room is over its limit");
    let sending = |inviter: &str| limits.sending("bob@example.org", inviter, None, true);
    assert_eq!(
        [sending("alice@example.org"), sending("alice@example.org"), sending("alice@example.org")],
        [Answer::Pass, Answer::Over, Answer::StillOver]
    );
    assert_eq!(limits.sending("bob@example.org", "carol@example.org", None, false), Answer::Over);
    assert_eq!(sending("carol@example.org"), Answer::Over, "each is told once");
    let masked = |nick: &str| {
        limits.received(&format!("den@conference.example.org/{nick}"), "den@conference.example.org")
    };
    let unmasked = |person| limits.unmasked(person, "den@conference.example.org");
    assert_eq!(
        [masked("a"), masked("b"), masked("c"), masked("d")],
        [Answer::Pass; 4],
        "nicks count for no domain"
    );
    let dan = Some("dan@b.example");
    assert_eq!(
        [unmasked(dan), unmasked(dan), unmasked(dan)],
        [Answer::Pass, Answer::Pass, Answer::Over],
        "many nicks"
    );
    let unknown: Vec<_> = (0..6).map(|_| unmasked(None)).collect();
    assert_eq!(unknown[..5], [Answer::Pass; 5], "not counted with known inviters");
    assert_eq!(unknown[5], Answer::Over, "the room is over its limit");
}

/// One each, by whatever is counted.
fn ones(per: u64) -> config::Limits {
    let one = Rate { count: 1, per: Duration::from_secs(per) };
    config::Limits { per_inviter: one, per_domain: one, per_contact: one, per_room: one, max_recipients: 1 }
}

#[test]
fn a_reload_does_not_refill_whatever_is_counted() {
    let limits = Limits::new(&ones(3600));
    limits.received("alice@a.example", "tea@c");
    limits.unmasked(None, "tea@c");
    limits.reaching(Some("carol@c.example"), "den@c", 1);
    limits.sending("bob@b.example", "ann@b.example", None, false);
    limits.sending("dora@b.example", "eve@evil.example", Some("evil.example"), false);
    limits.forged("d.example");
    let limits = limits.under(&ones(7200));
    assert_eq!(limits.received("alice@a.example", "pub@c"), Answer::Over, "the inviter");
    assert_eq!(limits.received("mallory@a.example", "pub@c"), Answer::Over, "the domain");
    assert_eq!(limits.seen_in("tea@c"), Answer::Over, "the room");
    assert_eq!(limits.unmasked(None, "tea@c"), Answer::Over, "the room, for nicks");
    assert_eq!(limits.reaching(Some("carol@c.example"), "pub@c", 1), Answer::Over);
    assert_eq!(limits.reaching(Some("dave@c.example"), "pub@c", 1), Answer::Over);
    assert_eq!(limits.reaching(None, "den@c", 1), Answer::Over);
    assert_eq!(limits.sending("bob@b.example", "ann@b.example", None, false), Answer::Over, "the contact");
    let of_evil = limits.sending("dora@b.example", "eve@evil.example", Some("evil.example"), false);
    assert_eq!(of_evil, Answer::Over);
    assert_eq!(limits.forged("d.example"), Answer::Over);
    assert_eq!(limits.received("eve@e.example", "bar@c"), Answer::Pass, "others have theirs");
}

#[test]
fn a_restart_remembers_masked_inviters_as_well() {
    let limits = Limits::new(&ones(3600));
    limits.remember(Duration::ZERO, "tea@c/Ally", Some("tea@c"));
    assert_eq!(limits.received("tea@c/Ally", "tea@c"), Answer::Over, "the nick");
    assert_eq!(limits.unmasked(None, "tea@c"), Answer::Over, "the room, for nicks");
    assert_eq!(limits.seen_in("tea@c"), Answer::Pass, "known inviters have theirs");
    assert_eq!(
        limits.sending("bob@b.example", "ann@b.example", None, false),
        Answer::Pass,
        "nothing was sent"
    );
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_counted_comes_back_with_time() {
    let hour = Duration::from_secs(3600);
    let limits = Limits::new(&ones(3600));
    limits.remember(hour, "alice@a.example", Some("tea@c"));
    limits.remember_part(hour, "carol@c.example", "den@c");
    limits.remember_sent(hour, "dora@b.example", "carol@c.example", Some("c.example"));
    assert_eq!(limits.received("alice@a.example", "tea@c"), Answer::Pass);
    assert_eq!(limits.sending("bob@b.example", "ann@b.example", None, false), Answer::Pass);
    assert_eq!(limits.reaching(Some("carol@c.example"), "den@c", 1), Answer::Pass);
    assert_eq!(limits.sending("dora@b.example", "ann@b.example", None, false), Answer::Pass);
    limits.remember_part(Duration::ZERO, "dave@d.example", "pub@c");
    limits.remember_part(Duration::ZERO, "bar@c/Ally", "bar@c");
    assert_eq!(limits.reaching(Some("dave@d.example"), "tea@c", 1), Answer::Over, "the inviter");
    assert_eq!(limits.reaching(Some("bar@c/Ally"), "tea@c", 1), Answer::Pass, "a nick is nobody");
    assert_eq!(limits.sending("gina@b.example", "ann@b.example", None, false), Answer::Pass);
    limits.remember_sent(Duration::ZERO, "hal@b.example", "eve@b.example", None);
    assert_eq!(limits.sending("hal@b.example", "ann@b.example", None, false), Answer::Over);
    assert_eq!(limits.received("alice@a.example", "tea@c"), Answer::Over);
    tokio::time::advance(hour).await;
    assert_eq!(limits.received("alice@a.example", "tea@c"), Answer::Pass, "an hour later");
}

#[test]
fn one_server_elsewhere_uses_up_half_of_a_contacts_limit() {
    let rate = Rate { count: 5, per: Duration::from_secs(3600) };
    let limits = Limits::new(&config::Limits {
        per_inviter: rate,
        per_domain: rate,
        per_contact: rate,
        per_room: rate,
        max_recipients: 1,
    });
    let elsewhere = |inviter: &str| {
        let domain = inviter.split_once('@').map(|(_, domain)| domain);
        limits.sending("dave@example.org", inviter, domain, true)
    };
    let here = |inviter: &str| limits.sending("dave@example.org", inviter, None, true);
    assert_eq!([elsewhere("eve@evil.example"), elsewhere("eve@evil.example")], [Answer::Pass; 2]);
    assert_eq!(elsewhere("mallory@evil.example"), Answer::Pass);
    assert_eq!(
        [elsewhere("eve@evil.example"), elsewhere("eve@evil.example")],
        [Answer::Over, Answer::StillOver]
    );
    assert_eq!(elsewhere("mallory@evil.example"), Answer::Over, "all of a domain have one share");
    assert_eq!(
        [here("alice@example.org"), here("alice@example.org")],
        [Answer::Pass; 2],
        "the rest is for others"
    );
    assert_eq!(here("alice@example.org"), Answer::Over);
    assert_eq!(elsewhere("trudy@b.example"), Answer::Over);
}

#[test]
fn one_inviter_does_not_use_up_a_contacts_limit() {
    for (limit, own) in [(7, 7), (8, 6), (20, 15)] {
        let rate = Rate { count: limit, per: Duration::from_secs(3600) };
        let limits = Limits::new(&config::Limits { per_contact: rate, ..ones(3600) });
        let passed = |inviter: &str| {
            let answers = (0..limit).map(|_| limits.sending("dave@example.org", inviter, None, true));
            answers.filter(|answer| *answer == Answer::Pass).count()
        };
        assert_eq!(passed("mallory@example.org"), own, "{limit}");
        assert_eq!(passed("alice@example.org"), limit as usize - own, "{limit}: the rest is for others");
    }
}

#[test]
fn several_at_once_are_counted_apart_and_by_the_hour() {
    let rate = |count, minutes: u64| Rate { count, per: Duration::from_secs(60 * minutes) };
    let limits = Limits::new(&config::Limits {
        per_inviter: rate(30, 10),
        per_domain: rate(100, 10),
        per_contact: rate(1, 60),
        per_room: rate(20, 60),
        max_recipients: 100,
    });
    let reaching = |inviter, room, people| limits.reaching(Some(inviter), room, people);
    assert_eq!(reaching("alice@a.example", "tea@c", 100), Answer::Pass, "one always fits");
    assert_eq!(reaching("alice@a.example", "tea@c", 1), Answer::Over, "the room's limit is used up");
    assert_eq!(reaching("alice@a.example", "den@c", 70), Answer::Pass);
    assert_eq!(reaching("alice@a.example", "pub@c", 20), Answer::Over, "180 in an hour");
    assert_eq!(limits.received("alice@a.example", "tea@c"), Answer::Pass, "others are counted apart");
    limits.remember_part(Duration::ZERO, "eve@a.example", "bar@c");
    assert_eq!(reaching("eve@a.example", "bar@c", 100), Answer::Over, "a restart does not refill");
}
