//! A stream, cut anywhere: what is read does not depend on the cuts, can be read by all that reads stanzas, and written
//! again. Whatever has come, a good stanza behind it is read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use muc_invite_relay::link::fuzzing::{Outcome, read};
use muc_invite_relay::wire::{Stanza, direct, handover, muc, privileged, top_level};

const HEADER: &[u8] = b"<?xml version='1.0'?><stream:stream xmlns:stream='http://etherx.jabber.org/streams' \
                        xmlns='jabber:component:accept' id='1' from='invites.example.org'>";

/// The stream in pieces: the first byte says how they are cut.
fn cut(seed: u8, mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut state = u32::from(seed);
    while !stream.is_empty() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let length = match seed {
            0 => stream.len(),
            1 => 1,
            _ => (state >> 24) as usize % 61 + 1,
        };
        let (piece, rest) = stream.split_at(length.min(stream.len()));
        pieces.push(piece.to_vec());
        stream = rest;
    }
    pieces
}

/// Everything that takes a stanza that anybody can have sent.
fn look_at(read: &Stanza) {
    match read {
        Stanza::Message(message) => {
            let _ = muc::mediated(message);
            let _ = direct::direct(message);
            let _ = privileged::advertisement(message);
        }
        Stanza::Iq(iq) => {
            let _ = handover::hand_over(iq);
            let _ = iq.command();
            let _ = privileged::unwrap_iq(iq);
            let _ = iq.kind();
        }
        Stanza::Presence(_) | Stanza::Handshake | Stanza::StreamError(_) => {}
    }
    let written = xso::to_vec(read).expect("what was read can be written");
    // Not always as the same: some wrong shapes that servers send are read as what they mean.
    top_level::parse(&written).expect("what was written can be read");
}

const GOOD: &[u8] = b"<message from='a@b.example' id='good'><body>Behind it all</body></message>";

fuzz_target!(|bytes: &[u8]| {
    let Some((seed, stanzas)) = bytes.split_first() else { return };
    let stream = [HEADER, stanzas].concat();
    let pieces = cut(*seed, &stream);
    let whole = read(std::iter::once(&stream[..]));
    assert_eq!(read(pieces.iter().map(Vec::as_slice)), whole);
    whole.stanzas.iter().for_each(look_at);
    if whole.between {
        let Outcome { mut stanzas, .. } = read([&stream[..], GOOD].into_iter());
        assert_eq!(stanzas.pop(), top_level::parse(GOOD).ok(), "the good stanza is read");
        assert_eq!(stanzas, whole.stanzas);
    }
});
