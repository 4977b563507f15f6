//! The ids of all texts, and the arguments of each. Knows nothing of languages.

/// Defines the enum of all texts: the variant, its id in the files, and its arguments there.
macro_rules! ids {
    ($($variant:ident = $id:literal ($($argument:literal),*),)+) => {
        /// A text. What it says is in `locales/en.ftl`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the files of texts have them")]
        pub enum Id { $($variant,)+ }

        impl Id {
            /// All texts.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The id in the files.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// The names of the arguments, in alphabetical order.
            #[must_use]
            pub const fn arguments(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($argument),*],)+ }
            }
        }
    };
}

ids! {
    ToldAbout = "told-about" ("contact", "room", "what"),
    ToldAboutContact = "told-about-contact" ("contact", "what"),
    ToldOutcast = "told-outcast" (),
    ToldNotMember = "told-not-member" (),
    ToldNoRights = "told-no-rights" (),
    ToldMayNotInvite = "told-may-not-invite" (),
    ToldUntrusted = "told-untrusted" (),
    ToldNobody = "told-nobody" ("component"),
    ToldAnotherRelay = "told-another-relay" (),
    ToldRateLimited = "told-rate-limited" (),
    ToldTooMany = "told-too-many" (),
    ToldNoList = "told-no-list" (),
    ToldUnsendable = "told-unsendable" (),
    ToldNotDelivered = "told-not-delivered" (),
    ToldNotPassedOn = "told-not-passed-on" (),
    ToldExpired = "told-expired" (),
    ToldInvitedBefore = "told-invited-before" (),
    ToldNoRoom = "told-no-room" (),
    ToldDeclined = "told-declined" ("contact", "room"),
    ToldDeclinedBecause = "told-declined-because" ("contact", "reason", "room"),
    SumInvited = "sum-invited" ("count"),
    SumBefore = "sum-before" ("count"),
    SumAlready = "sum-already" ("count"),
    SumFailed = "sum-failed" ("count"),
    SumElsewhere = "sum-elsewhere" ("count"),
    ComponentName = "component-name" (),
    CommandList = "command-list" (),
    CommandSettings = "command-settings" (),
    CommandData = "command-data" (),
    CommandForget = "command-forget" (),
    CommandStatistics = "command-statistics" (),
    CommandRecent = "command-recent" (),
    CommandBlock = "command-block" (),
    CommandReload = "command-reload" (),
    CommandGroups = "command-groups" (),
    CommandGroupCreate = "command-group-create" (),
    CommandGroupAdd = "command-group-add" (),
    CommandGroupRemove = "command-group-remove" (),
    CommandGroupAllow = "command-group-allow" (),
    CommandGroupDelete = "command-group-delete" (),
    TooManyCommands = "too-many-commands" (),
    PageSettings = "page-settings" (),
    PageForget = "page-forget" (),
    PageBlock = "page-block" (),
    PageGroupCreate = "page-group-create" ("component"),
    PageGroupEntries = "page-group-entries" (),
    PageGroupAllow = "page-group-allow" (),
    PageGroupDelete = "page-group-delete" (),
    FieldAcceptFrom = "field-accept-from" (),
    AcceptEverybody = "accept-everybody" (),
    AcceptContacts = "accept-contacts" (),
    AcceptNobody = "accept-nobody" (),
    AcceptServer = "accept-server" (),
    FieldBlock = "field-block" (),
    FieldLift = "field-lift" (),
    LiftNothing = "lift-nothing" (),
    LiftEverything = "lift-everything" (),
    FieldBlocked = "field-blocked" (),
    NoteSettingsSaved = "note-settings-saved" (),
    WrongNoContactList = "wrong-no-contact-list" (),
    WrongBlock = "wrong-block" ("word"),
    WrongTooManyBlocks = "wrong-too-many-blocks" ("count"),
    NoteData = "note-data" (),
    FieldReceived = "field-received" (),
    FieldSent = "field-sent" (),
    LineReceived = "line-received" ("inviter", "room", "state", "when"),
    LineSent = "line-sent" ("contact", "room", "when"),
    FieldForget = "field-forget" (),
    ForgetInvitations = "forget-invitations" (),
    ForgetEverything = "forget-everything" (),
    FieldForgotten = "field-forgotten" (),
    ForgottenInvitations = "forgotten-invitations" ("count"),
    ForgottenEverything = "forgotten-everything" ("count"),
    FieldTotal = "field-total" (),
    FieldEnded = "field-ended" (),
    FieldPending = "field-pending" (),
    FieldPeople = "field-people" (),
    FieldBlockedForAll = "field-blocked-for-all" (),
    FieldVersion = "field-version" (),
    NoteStatistics = "note-statistics" ("count"),
    FieldInvitations = "field-invitations" (),
    LineRecent = "line-recent" ("contact", "id", "inviter", "room", "state", "when"),
    NoteRecent = "note-recent" ("count"),
    NoteBlocked = "note-blocked" ("count"),
    NoteReloaded = "note-reloaded" ("count", "waiting"),
    NoteWrongConfiguration = "note-wrong-configuration" (),
    FieldChanged = "field-changed" (),
    FieldRestart = "field-restart" (),
    FieldWrong = "field-wrong" (),
    FieldGroup = "field-group" (),
    FieldGroupName = "field-group-name" (),
    FieldGroupEntries = "field-group-entries" (),
    FieldGroupMayUse = "field-group-may-use" (),
    FieldGroupUsers = "field-group-users" (),
    MayUseEverybody = "may-use-everybody" (),
    MayUseMembers = "may-use-members" (),
    MayUseNamed = "may-use-named" (),
    FieldGroupNow = "field-group-now" (),
    FieldGroupsKept = "field-groups-kept" (),
    FieldGroupsConfigured = "field-groups-configured" (),
    LineGroup = "line-group" ("entries", "may-use", "name"),
    LineGroupConfigured = "line-group-configured" ("count", "name"),
    NoteGroup = "note-group" ("command", "name"),
    NoteGroups = "note-groups" ("count"),
    WrongEntry = "wrong-entry" ("word"),
    WrongRelayAddress = "wrong-relay-address" ("word"),
    WrongNobody = "wrong-nobody" (),
    WrongGroupName = "wrong-group-name" ("name"),
    WrongGroupMembers = "wrong-group-members" (),
    WrongGroupContact = "wrong-group-contact" (),
    WrongGroupConfigured = "wrong-group-configured" (),
    WrongGroupExists = "wrong-group-exists" (),
    WrongGroupUnknown = "wrong-group-unknown" (),
    WrongTooManyGroups = "wrong-too-many-groups" ("count"),
    WrongTooManyEntries = "wrong-too-many-entries" ("count"),
    WrongNoGroup = "wrong-no-group" ("name"),
    WrongNesting = "wrong-nesting" (),
}
