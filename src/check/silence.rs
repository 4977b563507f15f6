//! Why a MUC service does not say what it is, and what to do, by its error and the make of the server. A pure function. Knows
//! nothing of how services are asked.

use crate::link::AskError;
use crate::setup::Make;
use crate::wire::Condition;

/// `mod_muc` of ejabberd forbids all to whom its `access` does not admit.
const EJABBERD_ACCESS: &str = "\
# In ejabberd.yml: `access` of mod_muc must admit the component. If a rule stands there that admits your users only, such
# as `access: local`, let another one admit both. Then: ejabberdctl reload_config
access_rules:
  muc_access:
    - allow: local          # as now
    - allow: invite_relay   # as `muc-invite-relay setup ejabberd` prints it below `acl`
modules:
  mod_muc:
    access: muc_access";

/// What was found about a service that did not answer the question what it is, and the remedy. `make`: the server's, if known.
/// `served`: the server is known to serve this host.
pub(super) fn silence(e: &AskError, service: &str, make: Option<Make>, served: bool) -> (String, String) {
    let again = "check again: muc-invite-relay check".to_owned();
    let look =
        || format!("look at the server's load and its log, and at what serves {service}; then check again");
    let AskError::Refused(error) = e else {
        return match e {
            AskError::Lost => ("not found out: the connection was lost meanwhile".to_owned(), again),
            AskError::Unreadable => ("its answer is too long, or no XML".to_owned(), look()),
            _ => ("does not answer in time".to_owned(), look()),
        };
    };
    let (found, remedy) = match *error.condition {
        Some(Condition::Forbidden | Condition::NotAuthorized) if served || make == Some(Make::Prosody) => {
            ("does not let the component ask it", forbidden(service, make))
        }
        // ejabberd says the same of hosts that it does not serve, where it may not connect to other servers.
        Some(Condition::Forbidden | Condition::NotAuthorized) => (
            "the server serves no such host, or the service does not let the component ask it",
            format!("# {}\n# Otherwise:\n{}", serve(service, make), forbidden(service, make)),
        ),
        Some(Condition::NotAllowed) => {
            ("the server serves no such host, and does not ask other servers", serve(service, make))
        }
        Some(Condition::RemoteServerNotFound) => {
            ("the server serves no such host, and finds no other server of that name", serve(service, make))
        }
        Some(Condition::RemoteServerTimeout) => (
            "nobody answers there: it is a component that is not connected, or a host of another server",
            format!(
                "start what serves {service}. If it is no component of its own: {}",
                serve(service, make)
            ),
        ),
        Some(Condition::ItemNotFound) => ("there is no such service", serve(service, make)),
        Some(Condition::ServiceUnavailable) => {
            ("the host is there, and no MUC service on it answers", serve(service, make))
        }
        _ => ("can't say what it is", look()),
    };
    (format!("{found} ({error})"), remedy)
}

/// What to do where a name leads nowhere.
fn serve(service: &str, make: Option<Make>) -> String {
    let prosody = format!("Prosody: Component {service:?} \"muc\" in its configuration, then restart it");
    let ejabberd = format!("ejabberd: {service:?} among the `hosts` of mod_muc");
    let serve = match make {
        Some(Make::Prosody) => prosody,
        Some(Make::Ejabberd) => ejabberd,
        None => format!("{prosody}; {ejabberd}"),
    };
    format!("correct the name in muc.services, or let the server serve it. {serve}")
}

fn forbidden(service: &str, make: Option<Make>) -> String {
    let prosody = format!(
        "See which module of {service} forbids it: a firewall (mod_firewall), or a list of who may use the service"
    );
    match make {
        Some(Make::Prosody) => prosody,
        Some(Make::Ejabberd) => EJABBERD_ACCESS.to_owned(),
        None => format!("# {prosody}.\n{EJABBERD_ACCESS}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::StanzaError;

    fn told(condition: Condition, make: Option<Make>) -> (String, String) {
        let error = StanzaError::new(condition, Some("some text"));
        silence(&AskError::Refused(error), "rooms.example.org", make, true)
    }

    #[test]
    fn each_error_is_told_by_its_own_cause() {
        let both = [Some(Make::Prosody), Some(Make::Ejabberd), None];
        for (condition, cause) in [
            (Condition::Forbidden, "does not let the component ask it"),
            (Condition::NotAllowed, "does not ask other servers"),
            (Condition::RemoteServerNotFound, "finds no other server"),
            (Condition::RemoteServerTimeout, "is not connected"),
            (Condition::ItemNotFound, "there is no such service"),
            (Condition::ServiceUnavailable, "no MUC service on it answers"),
            (Condition::InternalServerError, "can't say what it is"),
        ] {
            for make in both {
                let (found, remedy) = told(condition, make);
                assert!(found.contains(cause) && found.ends_with(": \"some text\")"), "{found}");
                for (of, word) in [(Make::Prosody, "rosody"), (Make::Ejabberd, "jabberd")] {
                    let named = remedy.contains(word);
                    assert!(
                        !named || make.is_none_or(|make| make == of),
                        "{condition:?}, {make:?}: {remedy}"
                    );
                }
            }
        }
        let (_, remedy) = told(Condition::Forbidden, Some(Make::Ejabberd));
        assert!(remedy.contains("access: muc_access"), "{remedy}");
        let (_, remedy) = told(Condition::NotAllowed, None);
        assert!(
            remedy.contains("mod_muc") && remedy.contains("Component \"rooms.example.org\" \"muc\""),
            "{remedy}"
        );
    }

    /// ejabberd forbids both: to ask a host that it does not serve, and a service that admits users only.
    #[test]
    fn where_two_causes_have_one_error_both_are_told() {
        let error = || AskError::Refused(StanzaError::new(Condition::Forbidden, None));
        let told = |served| silence(&error(), "rooms.example.org", Some(Make::Ejabberd), served);
        let (found, remedy) = told(false);
        assert!(found.starts_with("the server serves no such host, or the service does not let"), "{found}");
        assert!(
            remedy.starts_with("# correct the name in muc.services") && remedy.contains("access: muc_access")
        );
        let (found, remedy) = told(true);
        assert!(found.starts_with("does not let the component ask it"), "{found}");
        assert!(!remedy.contains("muc.services"), "{remedy}");
    }

    #[test]
    fn what_is_no_answer_is_said_once() {
        for (e, cause) in [
            (AskError::Unanswered, "does not answer in time"),
            (AskError::Lost, "not found out"),
            (AskError::Unreadable, "too long"),
        ] {
            let (found, remedy) = silence(&e, "rooms.example.org", None, false);
            assert!(found.contains(cause) && found.matches("answer").count() < 2, "{found}");
            assert!(remedy.contains("check again"), "{remedy}");
        }
    }
}
