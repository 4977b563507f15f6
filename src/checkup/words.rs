//! The remedies, in the words of the server at hand: the very lines to paste. Knows nothing of how things are found out.

/// The make of a server, as far as remedies differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Make {
    Prosody,
    Ejabberd,
    /// It did not say.
    Unknown,
}

impl Make {
    pub(super) fn of(software: Option<&str>) -> Self {
        match software {
            Some("Prosody") => Self::Prosody,
            Some("ejabberd") => Self::Ejabberd,
            _ => Self::Unknown,
        }
    }

    /// The words for this make; both where it is not known.
    fn choose(self, prosody: String, ejabberd: String) -> String {
        match self {
            Self::Prosody => prosody,
            Self::Ejabberd => ejabberd,
            Self::Unknown => format!("On Prosody:\n{prosody}\nOn ejabberd:\n{ejabberd}"),
        }
    }

    /// Messages in the users' names (XEP-0356).
    pub(super) fn messages(self, component: &str, host: &str) -> String {
        self.choose(
            format!(
                "VirtualHost \"{host}\"\n    modules_enabled = {{ \"privilege\" }}   -- and on Component \"{component}\" \
                 as well\n    privileged_entities = {{ [\"{component}\"] = {{ message = \"outgoing\" }} }}"
            ),
            "modules:\n  mod_privilege:\n    message: {outgoing: invite_relay}   # acl and access_rules: \
             config/ejabberd/ejabberd.yml"
                .to_owned(),
        )
    }

    /// A privileged IQ, or roster access.
    pub(super) fn grant(self, component: &str, host: &str, prosody: &str, ejabberd: &str) -> String {
        self.choose(
            format!(
                "VirtualHost \"{host}\"\n    privileged_entities = {{ [\"{component}\"] = {{ {prosody} }} }}"
            ),
            format!("modules:\n  mod_privilege:\n    {ejabberd}"),
        )
    }

    /// Rights of a service admin.
    pub(super) fn service_admin(self, component: &str, service: &str) -> String {
        self.choose(
            format!(
                "Component \"{service}\" \"muc\"\n    admins = {{ \"{component}\" }}\n    \
                 component_admins_as_room_owners = true"
            ),
            "modules:\n  mod_muc:\n    access_admin: muc_admin   # acl and access_rules: \
             config/ejabberd/ejabberd.yml"
                .to_owned(),
        )
    }

    /// The hand-over module.
    pub(super) fn module(self, component: &str, service: &str) -> String {
        self.choose(
            format!(
                "Component \"{service}\" \"muc\"\n    modules_enabled = {{ \"muc_invite_relay\" }}   -- \
                 config/prosody/mod_muc_invite_relay.lua\n    muc_invite_relay = \"{component}\""
            ),
            format!(
                "modules:\n  mod_muc_invite_relay:   # config/ejabberd/mod_muc_invite_relay.erl\n    component: \
                 {component}"
            ),
        )
    }
}
