//! Why a MUC service does not say what it is, and what to do, by its error and the make of the server. A pure function. Knows
//! nothing of how services are asked.

use super::remedies::Remedies;
use crate::link::AskError;
use crate::setup::{Make, Setup};
use crate::wire::Condition;

/// `mod_muc` of ejabberd forbids everything to those whom its `access` does not admit. It is about the component's addresses as
/// well, as `setup ejabberd --diff` has it: what inviters are told comes from these.
fn ejabberd_access(setup: &Setup) -> String {
    format!(
        "\
# In ejabberd.yml: `access` of mod_muc must admit the component and its addresses. If a rule stands there that admits your
# users only, such as `access: local`, let another one admit both. Then: ejabberdctl reload_config
access_rules:
  muc_access:
    - allow: local   # as now
    - allow: {}
modules:
  mod_muc:
    access: muc_access",
        setup.addresses_in_ejabberd()
    )
}

/// What was found about a service that did not answer the question what it is, and the remedy for this server. `served`: the
/// server is known to serve this host.
pub(super) fn silence(e: &AskError, service: &str, remedies: &Remedies, served: bool) -> (String, String) {
    let make = remedies.make;
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
            ("does not let the component ask it", forbidden(service, remedies))
        }
        // ejabberd says the same of hosts that it does not serve, where it may not connect to other servers.
        Some(Condition::Forbidden | Condition::NotAuthorized) => (
            "the server serves no such host, or the service does not let the component ask it",
            format!("# {}\n# Otherwise:\n{}", serve(service, make), forbidden(service, remedies)),
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

fn forbidden(service: &str, remedies: &Remedies) -> String {
    let prosody = format!(
        "See which module of {service} forbids it: a firewall (mod_firewall), or a list of who may use the service"
    );
    match remedies.make {
        Some(Make::Prosody) => prosody,
        Some(Make::Ejabberd) => ejabberd_access(&remedies.setup),
        None => format!("# {prosody}.\n{}", ejabberd_access(&remedies.setup)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::setup;
    use crate::wire::StanzaError;

    fn remedies(make: Option<Make>) -> Remedies {
        let text = "component = { jid = 'invites.example.org', secret = 's' }\nmuc = { services = ['rooms.example.org'] }";
        let config = Config::from_toml(text, std::iter::empty()).unwrap();
        Remedies { setup: Setup::new(&config, false), make, version: None }
    }

    fn told(condition: Condition, make: Option<Make>) -> (String, String) {
        let error = StanzaError::new(condition, Some("some text"));
        silence(&AskError::Refused(error), "rooms.example.org", &remedies(make), true)
    }

    /// What is pasted is not missed by the comparison, which looks for the component's addresses.
    #[test]
    fn the_rule_of_ejabberd_is_the_one_that_setup_wants() {
        let (_, remedy) = told(Condition::Forbidden, Some(Make::Ejabberd));
        assert!(remedy.contains("- allow: {server: \"invites.example.org\"}\n"), "{remedy}");
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("ejabberd.yml");
        let missing = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let remedies = remedies(Some(Make::Ejabberd));
            setup::missing(&remedies.setup, Make::Ejabberd, None, &file).unwrap().to_string()
        };
        let without: String =
            remedy.lines().filter(|line| !line.contains("server:")).map(|it| it.to_owned() + "\n").collect();
        assert!(missing(&without).contains("`muc_access:`"), "{}", missing(&without));
        assert!(!missing(&remedy).contains("`muc_access:`"), "{}", missing(&remedy));
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
        let told = |served| silence(&error(), "rooms.example.org", &remedies(Some(Make::Ejabberd)), served);
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
            let (found, remedy) = silence(&e, "rooms.example.org", &remedies(None), false);
            assert!(found.contains(cause) && found.matches("answer").count() < 2, "{found}");
            assert!(remedy.contains("check again"), "{remedy}");
        }
    }
}
