//! For property tests: bytes that begin as samples of `tests/corpus/eid/` and are then changed, so that they get further into a parser
//! than random bytes do (X5-07). Those in DER were made by [`super::test_authority`]: `crl.der` and `ocsp.der` revoke `certificate.der`,
//! and `authority.pem` has issued them all.

use proptest::{prelude::*, sample::Index};

/// One change of a text.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Truncate(Index),
    Repeat(Index, usize),
}

impl Edit {
    fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Flip(at, bits) => bytes[at.index(length)] ^= bits,
            Self::Insert(at, inserted) => {
                let at = at.index(length);
                bytes.splice(at..at, inserted.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = at.index(length);
                bytes.drain(at..length.min(at + count));
            }
            Self::Truncate(at) => bytes.truncate(at.index(length)),
            Self::Repeat(at, count) => {
                let at = at.index(length);
                let repeated = bytes[at..length.min(at + count)].to_vec();
                bytes.splice(at..at, repeated);
            }
        }
    }
}

fn edit() -> impl Strategy<Value = Edit> {
    let tokens =
        prop::sample::select(vec!["\"", "{", "}", "[", "null", "0", "-1", "1e999", "\\u0000", ",", "\u{202e}", "\"OK\""]);
    prop_oneof![
        4 => (any::<Index>(), 1_u8..).prop_map(|(at, bits)| Edit::Flip(at, bits)),
        2 => (any::<Index>(), tokens).prop_map(|(at, token)| Edit::Insert(at, token.as_bytes().to_vec())),
        1 => (any::<Index>(), prop::collection::vec(any::<u8>(), 0..9)).prop_map(|(at, bytes)| Edit::Insert(at, bytes)),
        2 => (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Edit::Remove(at, count)),
        1 => any::<Index>().prop_map(Edit::Truncate),
        1 => (any::<Index>(), 1_usize..40).prop_map(|(at, count)| Edit::Repeat(at, count)),
    ]
}

/// The changes of a sample: one to four.
pub(super) fn edits() -> impl Strategy<Value = Edits> {
    prop::collection::vec(edit(), 1..5).prop_map(Edits)
}

/// Changes that are made one after the other.
#[derive(Clone, Debug)]
pub(super) struct Edits(Vec<Edit>);

impl Edits {
    /// The changed sample.
    pub(super) fn of(&self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        self.0.iter().for_each(|edit| edit.apply(&mut bytes));
        bytes
    }
}

/// Random bytes, or the changed sample.
pub(super) fn answers(sample: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => prop::collection::vec(any::<u8>(), 0..400), 4 => edits().prop_map(move |edits| edits.of(sample))]
}
