//! Witnesses: what one block reads of the state before it, so that it can be executed again with nothing else.
//!
//! [`Recorder`] makes one from a chain's state, [`WitnessView`] is the state that it stands for. Nodes and codes are found
//! by their hashes, which are computed from what came, so that a witness can lack things, and hold things that nobody needs,
//! but cannot say anything untrue; and what lacks is an error, never a zero.

mod record;
mod view;

pub use record::Recorder;
pub use view::{Leftover, WitnessView};

use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use caldera_types::{
    Digest,
    limits::{MAX_WITNESS_BYTES, MAX_WITNESS_HEADERS},
};

/// The layout of the encoding.
const VERSION: u8 = 1;

/// What one block needs. There is one witness of a block: everything in it is needed, once, in one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// The parent's header, then its parent's, as far back as the block asks for hashes.
    pub headers: Vec<Header>,
    /// The components that the block may run, in order. They do not travel here: most verifiers have them.
    pub components: Vec<Digest>,
    /// Nodes of the state trie and of storage tries, in the order of their hashes.
    pub nodes: Vec<Bytes>,
    /// Codes, in the order of their hashes.
    pub codes: Vec<Bytes>,
}

#[derive(RlpEncodable, RlpDecodable)]
struct Stored {
    version: u8,
    headers: Vec<Header>,
    components: Vec<Digest>,
    nodes: Vec<Bytes>,
    codes: Vec<Bytes>,
}

/// Bytes are no witness. Always the fault of who sent them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// Too much.
    #[error("a witness has at most {MAX_WITNESS_BYTES} bytes, not {0}")]
    TooLong(usize),
    /// Another layout.
    #[error("layout {0} of witnesses is not known; this node reads layout {VERSION}")]
    UnknownVersion(u8),
    /// Not the encoding.
    #[error("not a witness: {0}")]
    Malformed(String),
    /// More headers than a block can ask for.
    #[error("a witness has at most {MAX_WITNESS_HEADERS} headers, not {0}")]
    TooManyHeaders(usize),
    /// The state that it is to show is not in it.
    #[error("the node of the state root {0} is not in the witness")]
    NoRoot(B256),
    /// Things that stand in the wrong order, or twice.
    #[error("{what} {place} is there twice or out of order")]
    Unordered {
        /// What kind of thing.
        what: &'static str,
        /// Its place in its list.
        place: usize,
    },
}

impl Witness {
    /// Its one encoding: an RLP list of the layout's number and the four lists.
    pub fn encode(&self) -> Vec<u8> {
        alloy_rlp::encode(self.stored())
    }

    /// Length of the encoding, in bytes.
    pub fn encoded_bytes(&self) -> usize {
        self.stored().length()
    }

    // Bytes are shared, so this copies no node.
    fn stored(&self) -> Stored {
        let Self { headers, components, nodes, codes } = self.clone();
        Stored { version: VERSION, headers, components, nodes, codes }
    }

    /// Reads it. That it is in order is checked by [`WitnessView::new`], which hashes everything anyway.
    pub fn decode(bytes: &[u8]) -> Result<Self, WitnessError> {
        if bytes.len() > MAX_WITNESS_BYTES {
            return Err(WitnessError::TooLong(bytes.len()));
        }
        let malformed = |why: &dyn std::fmt::Display| WitnessError::Malformed(why.to_string());
        let stored: Stored = alloy_rlp::decode_exact(bytes).map_err(|error| malformed(&error))?;
        if stored.version != VERSION {
            return Err(WitnessError::UnknownVersion(stored.version));
        }
        let Stored { headers, components, nodes, codes, .. } = stored;
        if headers.len() > MAX_WITNESS_HEADERS {
            return Err(WitnessError::TooManyHeaders(headers.len()));
        }
        let witness = Self { headers, components, nodes, codes };
        // A header's optional fields can be written in more than one way.
        if witness.encode() == bytes { Ok(witness) } else { Err(malformed(&"there is another encoding of it")) }
    }
}

/// Each of these with its hash, if they are in the order of the hashes and none is there twice.
fn hashed(what: &'static str, items: &[Bytes]) -> Result<Vec<(B256, Bytes)>, WitnessError> {
    let hashed: Vec<_> = items.iter().map(|item| (keccak256(item), item.clone())).collect();
    match hashed.windows(2).position(|pair| pair[0].0 >= pair[1].0) {
        None => Ok(hashed),
        Some(place) => Err(WitnessError::Unordered { what, place: place + 1 }),
    }
}
