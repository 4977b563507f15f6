//! What only the running relay knows: whether it can write its journal, whether it keeps crashing, whether its configuration is
//! the present one. A pure function. Knows nothing of the server.

use std::time::Duration;

use super::finding::{Finding, RelayFound, What};
use crate::config::{Changes, ConfigError};

/// A disk operation that takes longer is reported.
const DISK_SLOW_AFTER: Duration = Duration::from_secs(5);

/// The state of a running relay.
#[derive(Debug)]
pub struct Running {
    /// How the configuration in use differs from the one that would be read now.
    pub unread: Result<Changes, ConfigError>,
    /// Why its journal can't be written; `None` if it can.
    pub refused: Option<String>,
    /// How long the present disk operation of the journal has taken so far.
    pub busy: Duration,
    /// Whether it may be one of a series of relays that crash after some minutes.
    pub may_keep_crashing: bool,
    /// The other relays with the same journal, which wait for the lead; `None` where there can be none.
    pub standbys: Option<Vec<String>>,
}

/// A finding about the relay, and one about its configuration.
#[must_use]
pub fn running(it: &Running) -> Vec<Finding> {
    let finding = Finding::the(What::Relay);
    let relay = if let Some(refused) = &it.refused {
        finding.failed(
            format!("runs, and takes nothing in: {refused}"),
            "it goes on by itself as soon as the journal can be written",
        )
    } else if it.busy >= DISK_SLOW_AFTER {
        finding.failed(
            format!("runs, and waits: the journal's disk has not answered for {} s", it.busy.as_secs()),
            "look at the disk of journal.path (dmesg, or the machine that it is on)",
        )
    } else if it.may_keep_crashing {
        finding.failed(
            "runs for some minutes at most, and the one before ended soon after its start, without being told to: it may \
             crash again and again",
            "see why it ended: journalctl -u muc-invite-relay -n 100. If that was you, check again in five minutes",
        )
    } else {
        match it.standbys.as_deref() {
            None => Finding::relay(&RelayFound::Asked),
            Some([]) => finding.ok("runs, and was asked. No other relay stands by"),
            Some(others) => {
                finding.ok(format!("runs, leads, and was asked. Stands by: {}", others.join(", ")))
            }
        }
    };
    vec![relay, configuration(&it.unread)]
}

/// The only finding about a relay that stands by: it has no connection. `words`: who leads.
#[must_use]
pub fn stands_by(words: &str) -> Finding {
    Finding::the(What::Relay).note(format!("{words}. What the server says is found out where that one runs"))
}

fn configuration(unread: &Result<Changes, ConfigError>) -> Finding {
    let finding = Finding::of(What::Configuration, "in use");
    match unread {
        Err(error) => finding.failed(
            format!(
                "the relay that runs goes on with what it has read before, and could not be started again: {}",
                error.to_string().replace('\n', "; ")
            ),
            "correct that (muc-invite-relay check --offline), and let the relay read it: systemctl reload muc-invite-relay",
        ),
        Ok(Changes { in_effect, need_restart }) if in_effect.is_empty() && need_restart.is_empty() => {
            finding.ok("the relay that runs has read what is there now")
        }
        Ok(Changes { in_effect, need_restart }) => {
            let restart = !need_restart.is_empty();
            let keys: Vec<&str> = in_effect.iter().chain(need_restart).map(String::as_str).collect();
            finding.failed(
                format!("changed since the relay that runs has read it: {}", keys.join(", ")),
                if restart {
                    "let the relay read it, which needs a restart: systemctl restart muc-invite-relay"
                } else {
                    "let the relay read it: systemctl reload muc-invite-relay, or send it SIGHUP"
                },
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::State;
    use super::*;

    fn well() -> Running {
        Running {
            unread: Ok(Changes::default()),
            refused: None,
            busy: Duration::ZERO,
            may_keep_crashing: false,
            standbys: None,
        }
    }

    fn states(it: &Running) -> [State; 2] {
        let findings = running(it);
        assert!(findings.iter().all(|it| (it.state == State::Ok) == it.remedy.is_none()), "{findings:?}");
        [findings[0].state, findings[1].state]
    }

    #[test]
    fn what_is_wrong_is_told() {
        assert_eq!(states(&well()), [State::Ok, State::Ok]);
        let changed = |in_effect: &[&str], need_restart: &[&str]| {
            let [in_effect, need_restart] =
                [in_effect, need_restart].map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
            Running { unread: Ok(Changes { in_effect, need_restart }), ..well() }
        };
        let in_effect = changed(&["relay.window"], &[]);
        assert_eq!(states(&in_effect), [State::Ok, State::Failed]);
        assert!(running(&in_effect)[1].remedy.as_ref().is_some_and(|it| it.contains("reload")));
        let need_restart = changed(&["relay.window"], &["muc.services"]);
        assert_eq!(states(&need_restart), [State::Ok, State::Failed]);
        let finding = &running(&need_restart)[1];
        assert!(finding.found.ends_with("relay.window, muc.services"), "{finding:?}");
        assert!(finding.remedy.as_ref().is_some_and(|it| it.contains("restart")));
        let refused = Some("the disk is full".to_owned());
        assert_eq!(states(&Running { refused, ..well() }), [State::Failed, State::Ok]);
        assert_eq!(states(&Running { busy: DISK_SLOW_AFTER, ..well() }), [State::Failed, State::Ok]);
        let unread = Err(ConfigError::Invalid(Vec::new()));
        assert_eq!(states(&Running { unread, ..well() }), [State::Ok, State::Failed]);
    }
}
