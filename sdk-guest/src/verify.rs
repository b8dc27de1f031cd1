//! Believing another chain: signatures of its committee, and proofs against its state root. Needs the grants `bls` and `mpt`.

use alloy_primitives::B256;

use crate::host;

/// Length of a BLS public key, in bytes.
pub const PUBLIC_KEY_BYTES: usize = 48;
/// Length of a BLS signature, in bytes.
pub const SIGNATURE_BYTES: usize = 96;
/// Longest key of a trie, in bytes.
const MAX_KEY_BYTES: usize = 256;

/// What a signature is for: no signature counts as one of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A validator's own public key.
    Possession,
    /// A statement about a block.
    Certificate,
    /// A committee's successor.
    Handover,
}

/// Why the nodes of a proof prove nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofFailure {
    /// Not a run of trie nodes in RLP.
    Malformed,
    /// A node is not the one that its parent, or the root, names.
    WrongNode,
    /// The nodes end before the key is decided.
    MissingNode,
    /// Nodes follow after the key is decided.
    SurplusNode,
}

impl ProofFailure {
    /// Its name, for a refusal.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::WrongNode => "wrong-node",
            Self::MissingNode => "missing-node",
            Self::SurplusNode => "surplus-node",
        }
    }
}

/// Whether the key's owner signed the message. What has another length, is no point or is infinity does not hold.
pub fn verify(domain: Domain, public_key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    lengths(public_key, signature) && host::bls_verify(domain, public_key, message, signature)
}

/// Whether all keys signed the same message; of no keys nothing holds. Keys stand one after another. Safe only for keys
/// whose possession was proven ([`verify_possession`]).
pub fn verify_all(domain: Domain, public_keys: &[u8], message: &[u8], signature: &[u8]) -> bool {
    public_keys.len().is_multiple_of(PUBLIC_KEY_BYTES)
        && signature.len() == SIGNATURE_BYTES
        && host::bls_verify_all(domain, public_keys, message, signature)
}

/// Whether the key's owner proved that it has the secret key.
pub fn verify_possession(public_key: &[u8], proof: &[u8]) -> bool {
    lengths(public_key, proof) && host::bls_verify_possession(public_key, proof)
}

fn lengths(public_key: &[u8], signature: &[u8]) -> bool {
    public_key.len() == PUBLIC_KEY_BYTES && signature.len() == SIGNATURE_BYTES
}

/// The value of a key in the Merkle Patricia trie with this root, or none when the nodes prove that it has none. The key is
/// the path itself, at most 256 bytes; nodes stand one after another from the root down.
pub fn prove(root: B256, key: &[u8], nodes: &[u8]) -> Result<Option<Vec<u8>>, ProofFailure> {
    if key.len() > MAX_KEY_BYTES {
        return Err(ProofFailure::Malformed);
    }
    host::mpt_get(root, key, nodes)
}
