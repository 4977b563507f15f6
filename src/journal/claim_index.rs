//! Where the rows of claims are: for a digest of a key the ids of the rows that may be its, in memory. Of a key without a row it
//! nearly always knows that at once, so that nothing is read. Pure. Knows nothing of SQL, nor of what a claim says.
//!
//! It may name rows that are gone, or another key's: who asks compares the keys. It never leaves a row out.

use super::nouns::Key;

/// The number of a row of claims. Later rows have larger ones.
pub(super) type RowId = i64;

/// A digest of a key. Of a journal's own, so that nobody can make many keys with the same one.
pub(super) type Digest = u32;

/// The bits of a digest that say in which part an entry is. Small parts are enlarged in a moment, and one at a time.
const PART_BITS: u32 = 12;

/// The other bits of a digest, which stand in the entry.
const TAG_BITS: u32 = Digest::BITS - PART_BITS;

/// The bits of an entry behind its tag: enough for 10,000 claims a second for 50 years.
const ROW_BITS: u32 = u64::BITS - TAG_BITS;

/// Stands in an entry in place of a row that is gone.
const GONE: RowId = (1 << ROW_BITS) - 1;

/// A part is made anew when so many of its places are taken, of 8.
const FULL_EIGHTHS: usize = 7;

/// How many parts [`ClaimIndex::forget_before`] makes anew at a time.
const PARTS_PER_STEP: usize = 64;

/// The digest of a key.
pub(super) fn digest(salt: &[u8], key: &Key) -> Digest {
    let half = |bytes: &[u8]| {
        let mut half = [0; 8];
        for (to, from) in half.iter_mut().zip(bytes) {
            *to = *from;
        }
        u64::from_le_bytes(half)
    };
    let salted = |at: usize| half(&key[at..]) ^ half(salt.get(at..).unwrap_or_default());
    let product = u128::from(salted(0)) * u128::from(salted(8));
    // From the middle, which depends on all bits of both factors.
    Digest::try_from((product >> 48) & u128::from(Digest::MAX)).unwrap_or_default()
}

/// Finds rows by the digests of their keys.
#[derive(Debug)]
pub(super) struct ClaimIndex {
    parts: Vec<Part>,
    /// No row in front of this one is left.
    oldest: RowId,
    /// The part that is next to be made anew.
    next: usize,
}

impl ClaimIndex {
    /// An index with room for this many rows, none of which is in front of `oldest`.
    pub(super) fn new(rows: usize, oldest: RowId) -> Self {
        let parts = 1 << PART_BITS;
        Self { parts: vec![Part::new(rows / parts); parts], oldest, next: 0 }
    }

    /// Notes a row. Its number is above 0.
    pub(super) fn insert(&mut self, digest: Digest, row: RowId) {
        let oldest = self.oldest;
        self.part(digest).insert(entry(digest, row), oldest);
    }

    /// This row is gone, and will not come back. Otherwise a claim that changes often would name all that it ever was.
    pub(super) fn remove(&mut self, digest: Digest, row: RowId) {
        self.part(digest).remove(entry(digest, row));
    }

    /// The rows that may be of a key with this digest.
    pub(super) fn rows(&self, digest: Digest) -> impl Iterator<Item = RowId> {
        let part = &self.parts[usize_of(u64::from(digest >> TAG_BITS))];
        part.like(entry(digest, 0)).map(row).filter(|row| *row >= self.oldest && *row != GONE)
    }

    /// No row in front of this one is left. The memory is given back in steps: with each call that of some parts.
    pub(super) fn forget_before(&mut self, oldest: RowId) {
        self.oldest = oldest;
        for _ in 0..PARTS_PER_STEP {
            self.parts[self.next].renew(oldest);
            self.next = (self.next + 1) % self.parts.len();
        }
    }

    fn part(&mut self, digest: Digest) -> &mut Part {
        &mut self.parts[usize_of(u64::from(digest >> TAG_BITS))]
    }
}

/// The entries of some digests: each stands at a place that follows from its tag, or behind it where that was taken.
#[derive(Debug, Clone)]
struct Part {
    /// 0: free.
    places: Box<[u64]>,
    taken: usize,
}

impl Part {
    /// With room for this many entries and half as many more.
    fn new(entries: usize) -> Self {
        Self { places: vec![0; entries + entries / 2 + 4].into(), taken: 0 }
    }

    fn insert(&mut self, entry: u64, oldest: RowId) {
        if (self.taken + 1) * 8 > self.places.len() * FULL_EIGHTHS {
            self.renew(oldest);
        }
        self.put(entry);
    }

    /// There is a free place.
    fn put(&mut self, entry: u64) {
        let mut at = self.first_place(entry);
        while self.places[at] != 0 {
            at = (at + 1) % self.places.len();
        }
        self.places[at] = entry;
        self.taken += 1;
    }

    /// Its place stays taken until the part is made anew: what stands behind it is found by going past it.
    fn remove(&mut self, entry: u64) {
        if let Some(place) = self.places.iter_mut().find(|place| **place == entry) {
            *place |= GONE.unsigned_abs();
        }
    }

    /// The entries with the same tag.
    fn like(&self, entry: u64) -> impl Iterator<Item = u64> {
        let first = self.first_place(entry);
        let (before, behind) = self.places.split_at(first);
        let run = behind.iter().chain(before).copied().take_while(|place| *place != 0);
        run.filter(move |place| (place ^ entry) >> ROW_BITS == 0)
    }

    /// Makes room, without the rows in front of this one.
    fn renew(&mut self, oldest: RowId) {
        let left = |entry: &&u64| **entry != 0 && row(**entry) != GONE && row(**entry) >= oldest;
        let mut renewed = Self::new(self.places.iter().filter(left).count());
        for entry in self.places.iter().filter(left) {
            renewed.put(*entry);
        }
        *self = renewed;
    }

    fn first_place(&self, entry: u64) -> usize {
        usize_of(((entry >> ROW_BITS) * self.places.len() as u64) >> TAG_BITS)
    }
}

fn entry(digest: Digest, row: RowId) -> u64 {
    (u64::from(digest) << ROW_BITS) | (row.unsigned_abs() & ((1 << ROW_BITS) - 1))
}

fn row(entry: u64) -> RowId {
    RowId::try_from(entry & ((1 << ROW_BITS) - 1)).unwrap_or_default()
}

/// Of what is a place in memory.
fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    impl ClaimIndex {
        fn bytes(&self) -> usize {
            self.parts.iter().map(|part| part.places.len() * size_of::<u64>() + size_of::<Part>()).sum()
        }
    }

    /// What digests of keys are like.
    fn spread(row: RowId) -> Digest {
        digest(
            &[7; 16],
            &u128::from(row.unsigned_abs())
                .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
                .to_le_bytes(),
        )
    }

    #[test]
    fn a_row_takes_16_bytes_at_most_and_what_is_forgotten_none() {
        let mut index = ClaimIndex::new(0, 1);
        let rows = 1 << 18;
        for row in 1..=rows {
            index.insert(spread(row), row);
            if row % (1 << 15) == 0 {
                assert!(index.bytes() <= usize::try_from(row).unwrap() * 16, "{} of {row}", index.bytes());
            }
        }
        let named: usize = (1..=1000).map(|row| index.rows(spread(row)).count()).sum();
        assert!((1000..1010).contains(&named), "{named}");
        for _ in 0..(1 << PART_BITS) / PARTS_PER_STEP {
            index.forget_before(rows - 1000);
        }
        assert!(index.bytes() < 300 << 10, "{}", index.bytes());
        assert_eq!(index.rows(spread(rows)).collect::<Vec<_>>(), [rows]);
    }

    #[test]
    fn rows_without_end_take_no_more_than_those_that_are_left() {
        let mut index = ClaimIndex::new(0, 1);
        for row in 1..=(1 << 18) {
            index.insert(spread(row), row);
            if row % 1000 == 0 {
                index.forget_before(row - 1000);
            }
        }
        assert!(index.bytes() < 300 << 10, "{}", index.bytes());
    }

    #[test]
    fn a_claim_that_changes_without_end_is_one_row() {
        let mut index = ClaimIndex::new(0, 1);
        for row in 1..=(1 << 12) {
            index.insert(spread(7), row);
            index.remove(spread(7), row - 1);
            assert_eq!(index.rows(spread(7)).collect::<Vec<_>>(), [row]);
        }
        assert!(index.bytes() < 300 << 10, "{}", index.bytes());
    }

    #[test]
    fn the_digest_depends_on_both_halves_and_on_the_salt() {
        let of = |salt: u8, contact: u8, room: u8| {
            let mut key = [0; 16];
            (key[0], key[15]) = (contact, room);
            digest(&[salt; 16], &key)
        };
        let all = (1..9)
            .flat_map(|salt| (0..8).flat_map(move |contact| (0..8).map(move |room| of(salt, contact, room))));
        assert_eq!(all.collect::<HashSet<_>>().len(), 512);
    }

    proptest! {
        /// Rows of few digests, which crowd in few parts; and some are forgotten, others go one by one.
        #[test]
        fn no_row_that_is_left_is_missing(
            digests in prop::collection::vec(prop_oneof![0..20_u32, Just(u32::MAX), any::<u32>()], 1..300),
            oldest in 1..300_i64,
            going in 1..9_i64,
        ) {
            let mut index = ClaimIndex::new(0, 1);
            let goes = |row: RowId| row % going == 1;
            for (row, digest) in (1..).zip(&digests) {
                index.insert(*digest, row);
                if goes(row) {
                    index.remove(*digest, row);
                }
                if row == oldest {
                    index.forget_before(oldest / 2);
                }
            }
            let oldest = if usize::try_from(oldest).unwrap() <= digests.len() { oldest / 2 } else { 1 };
            for digest in &digests {
                let found: HashSet<RowId> = index.rows(*digest).collect();
                let expected = (1..)
                    .zip(&digests)
                    .filter(|(row, other)| *row >= oldest && !goes(*row) && *other == digest);
                prop_assert_eq!(found, expected.map(|(row, _)| row).collect::<HashSet<_>>());
            }
        }
    }
}
