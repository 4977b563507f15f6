//! Seals payloads before they leave the process: room passwords and reasons are read by nobody who reads the database, its log, its
//! WAL or its backups without the key. Knows nothing of statements.

use std::fmt;

use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload as Sealing};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};

use crate::config::JournalKey;
use crate::model::{Id, Language, Origin, Payload};

/// Bytes of a nonce. They are so many that random ones never repeat.
const NONCE_BYTES: usize = 24;

/// What stands for a row where the key itself is checked. No invitation has this id.
const KEY_CHECK: Owner<'static> = Owner { id: 0, room: "", contact: "" };

/// Whose a payload is: what is sealed for one can't be opened as that of another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) id: Id,
    /// As it stands in the row.
    pub(super) room: &'a str,
    /// As it stands in the row.
    pub(super) contact: &'a str,
}

impl Owner<'_> {
    /// With the lengths, so that no two give the same bytes.
    fn bytes(self) -> Vec<u8> {
        let length = |text: &str| (text.len() as u64).to_le_bytes();
        let Self { id, room, contact } = self;
        let parts: [&[u8]; 5] =
            [&id.to_le_bytes(), &length(room), room.as_bytes(), &length(contact), contact.as_bytes()];
        parts.concat()
    }
}

/// Seals and opens with one key.
pub(super) struct Sealer(XChaCha20Poly1305);

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(…)")
    }
}

/// Reason, password, thread, whether it continues a chat, origin, hand-over, address.
type Parts =
    (Option<String>, Option<String>, Option<String>, bool, Option<Stanza>, Option<Stanza>, Option<Box<str>>);

/// Its sender and id.
type Stanza = (String, Option<String>);

impl Sealer {
    pub(super) fn new(key: &JournalKey) -> Self {
        Self(XChaCha20Poly1305::new(key.bytes().into()))
    }

    /// The payload of this invitation. Only for its own row: it can't be opened as that of another one.
    ///
    /// # Errors
    /// [`sqlx::Error::Encode`]: it can't be sealed.
    pub(super) fn payload(&self, owner: Owner<'_>, payload: &Payload) -> sqlx::Result<Vec<u8>> {
        let stanza = |it: &Origin| -> Stanza { (it.sender.clone(), it.message.clone()) };
        let parts = (
            &payload.reason,
            &payload.password,
            &payload.thread,
            payload.continues,
            payload.origin.as_ref().map(stanza),
            payload.hand_over.as_deref().map(stanza),
            &payload.addressed,
        );
        let text = serde_json::to_vec(&parts).map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
        self.seal(owner, &text)
    }

    /// Opens what [`Self::payload`] has sealed.
    ///
    /// # Errors
    /// [`sqlx::Error::Decode`]: it was sealed with another key or for another row, or was changed.
    pub(super) fn open_payload(
        &self,
        owner: Owner<'_>,
        sealed: &[u8],
        language: Language,
    ) -> sqlx::Result<Payload> {
        let text = self.open(owner, sealed)?;
        let (reason, password, thread, continues, origin, hand_over, addressed): Parts =
            serde_json::from_slice(&text).map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
        let stanza = |(sender, message)| Origin { sender, message };
        Ok(Payload {
            reason,
            password,
            thread,
            continues,
            language,
            origin: origin.map(stanza),
            hand_over: hand_over.map(stanza).map(Box::new),
            addressed,
        })
    }

    /// What shows later whether the key is still the same.
    ///
    /// # Errors
    /// [`sqlx::Error::Encode`]: it can't be sealed.
    pub(super) fn key_check(&self) -> sqlx::Result<Vec<u8>> {
        self.seal(KEY_CHECK, b"")
    }

    /// Whether this was made by [`Self::key_check`] with the same key.
    pub(super) fn is_key_of(&self, check: &[u8]) -> bool {
        self.open(KEY_CHECK, check).is_ok()
    }

    /// The nonce, and what is sealed behind it.
    fn seal(&self, owner: Owner<'_>, text: &[u8]) -> sqlx::Result<Vec<u8>> {
        let nonce = XNonce::generate();
        let sealing = Sealing { msg: text, aad: &owner.bytes() };
        let sealed = self.0.encrypt(&nonce, sealing).map_err(|_| sqlx::Error::Encode("not sealed".into()))?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn open(&self, owner: Owner<'_>, sealed: &[u8]) -> sqlx::Result<Vec<u8>> {
        let wrong = || {
            sqlx::Error::Decode(
                "a payload was sealed with another key or for another row, or was changed".into(),
            )
        };
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or_else(wrong)?;
        let sealing = Sealing { msg: sealed, aad: &owner.bytes() };
        self.0.decrypt(&XNonce::from(*nonce), sealing).map_err(|_| wrong())
    }
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    for chunk in bytes.chunks_mut(NONCE_BYTES) {
        let random = XNonce::generate();
        chunk.copy_from_slice(&random[..chunk.len()]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::new(&JournalKey::new([byte; 32]))
    }

    const ROW: Owner<'static> = Owner { id: 7, room: "tea@c.test", contact: "bob@a.test" };

    fn payload() -> Payload {
        Payload {
            reason: Some("Come & talk\0".into()),
            password: Some("planted-password".into()),
            thread: None,
            continues: true,
            language: Language::German,
            origin: Some(Origin { sender: "alice@a.test/phone".into(), message: None }),
            hand_over: Some(Box::new(Origin {
                sender: "c.test/module".into(),
                message: Some("id\n1".into()),
            })),
            addressed: Some("bob@a.test/tablet".into()),
        }
    }

    #[test]
    fn a_payload_is_opened_as_it_was_sealed_and_is_not_to_be_read() {
        for payload in [payload(), Payload::default()] {
            let sealed = sealer(1).payload(ROW, &payload).unwrap();
            assert!(!sealed.windows(7).any(|window| window == b"planted" || window == b"alice@a"));
            assert_eq!(sealer(1).open_payload(ROW, &sealed, payload.language).unwrap(), payload);
            assert_ne!(sealer(1).payload(ROW, &payload).unwrap(), sealed, "each time with another nonce");
        }
    }

    #[test]
    fn with_another_key_for_another_row_or_changed_it_is_not_opened() {
        let sealed = sealer(1).payload(ROW, &payload()).unwrap();
        assert!(sealer(2).open_payload(ROW, &sealed, Language::default()).is_err());
        let others = [
            Owner { id: 8, ..ROW },
            Owner { room: "den@c.test", ..ROW },
            Owner { contact: "eve@a.test", ..ROW },
            Owner { room: "tea@c.testbob", contact: "@a.test", ..ROW },
        ];
        for other in others {
            assert!(sealer(1).open_payload(other, &sealed, Language::default()).is_err(), "{other:?}");
        }
        for at in [0, NONCE_BYTES, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer(1).open_payload(ROW, &changed, Language::default()).is_err(), "{at}");
        }
        assert!(sealer(1).open_payload(ROW, &[], Language::default()).is_err());
    }

    #[test]
    fn the_key_is_known_again() {
        let check = sealer(1).key_check().unwrap();
        assert_eq!([1, 2].map(|byte| sealer(byte).is_key_of(&check)), [true, false]);
        assert_ne!(random::<20>(), random::<20>());
    }
}
