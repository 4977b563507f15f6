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
    ToldRateLimited = "told-rate-limited" (),
    ToldTooMany = "told-too-many" (),
    ToldNoList = "told-no-list" (),
    ToldUnsendable = "told-unsendable" (),
    ToldNotDelivered = "told-not-delivered" (),
    ToldNotPassedOn = "told-not-passed-on" (),
    ToldExpired = "told-expired" (),
    ToldNoRoom = "told-no-room" (),
    ToldDeclined = "told-declined" ("contact", "room"),
    ToldDeclinedBecause = "told-declined-because" ("contact", "reason", "room"),
    SumInvited = "sum-invited" ("count"),
    SumAlready = "sum-already" ("count"),
    SumFailed = "sum-failed" ("count"),
}
