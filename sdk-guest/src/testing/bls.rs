//! Keys of validators for tests, and what the node does with their signatures.

use blst::{
    BLST_ERROR,
    min_pk::{AggregateSignature, PublicKey, SecretKey, Signature},
};

use crate::verify::{Domain, PUBLIC_KEY_BYTES};

/// The domain separation tag of a kind, as the node has it.
const fn tag(domain: Domain) -> &'static [u8] {
    match domain {
        Domain::Possession => b"CALDERA-POSSESSION-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
        Domain::Certificate => b"CALDERA-CERTIFICATE-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
        Domain::Handover => b"CALDERA-HANDOVER-V1_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_",
    }
}

/// A validator's secret key, for tests alone.
#[derive(Clone, Debug)]
pub struct Secret(SecretKey);

impl Secret {
    /// The n-th key, always the same.
    pub fn nth(n: u8) -> Self {
        // Only entropy of fewer than 32 bytes is refused.
        Self(SecretKey::key_gen(&[n; 32], &[]).unwrap_or_default())
    }

    /// Its public key.
    pub fn public_key(&self) -> [u8; 48] {
        self.0.sk_to_pk().to_bytes()
    }

    /// A signature.
    pub fn sign(&self, domain: Domain, message: &[u8]) -> [u8; 96] {
        self.0.sign(message, tag(domain), &[]).to_bytes()
    }

    /// The proof that the public key's owner has this key.
    pub fn prove_possession(&self) -> [u8; 96] {
        self.sign(Domain::Possession, &self.public_key())
    }
}

/// The sum of signatures. Panics when there are none or one is not valid.
pub fn aggregate(signatures: &[[u8; 96]]) -> [u8; 96] {
    let signatures: Vec<_> = signatures.iter().map(|bytes| bytes.as_slice()).collect();
    match AggregateSignature::aggregate_serialized(&signatures, true) {
        Ok(sum) => sum.to_signature().to_bytes(),
        Err(error) => panic!("the signatures have no sum: {error:?}"),
    }
}

/// Whether all keys signed the message.
pub(super) fn verify_all(domain: Domain, public_keys: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::sig_validate(signature, true) else { return false };
    let keys: Result<Vec<_>, _> = public_keys.chunks(PUBLIC_KEY_BYTES).map(PublicKey::key_validate).collect();
    keys.is_ok_and(|keys| {
        let keys: Vec<_> = keys.iter().collect();
        !keys.is_empty()
            && signature.fast_aggregate_verify(false, message, tag(domain), &keys) == BLST_ERROR::BLST_SUCCESS
    })
}
