//! What can be seen of a relay while another one with the same journal works. Knows nothing of how that is found out.

use super::page;
use crate::telemetry::http::{Answer, Question};

/// The answer for a path; `None` if there is none. `words`: who leads.
#[must_use]
pub fn standing_by(question: &Question, component: &str, words: &str) -> Option<Answer> {
    Some(match question.path.as_str() {
        "/" => page::standing_by(component, words),
        "/metrics" => Answer::text(
            true,
            "# HELP muc_invite_relay_leads Whether this relay works; 0: it stands by.\n\
             # TYPE muc_invite_relay_leads gauge\nmuc_invite_relay_leads 0\n"
                .to_owned(),
        ),
        "/healthz" => Answer::text(true, "alive\n".to_owned()),
        "/readyz" => Answer::text(false, format!("{words}\n")),
        _ => return None,
    })
}
