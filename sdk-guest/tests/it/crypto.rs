//! The test host's cryptography against published vectors.

use caldera_sdk::alloy_primitives::hex;
use caldera_sdk::crypto::{keccak256, recover, verify_ed25519};
use caldera_sdk::prelude::*;

/// The ECRECOVER vector of the go-ethereum tests (`core/vm/testdata/precompiles/ecRecover.json`, ValidKey).
const DIGEST: B256 = b256!("18c547e4f7b0f325ad1e56f57e26c745b09a3e503d86e00e5255ff7f715d3d1c");
const RS: [u8; 64] = hex!(
    "73b1693892219d736caba55bdb67216e485557ea6b6af75f37096c9aa6a5a75feeb940b1d03b21e36b0e47e79769f095fe2ab855bd91e3a38756b7d75a9c4549"
);
const SIGNER: Address = address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b");
/// The order of secp256k1's group.
const ORDER: U256 = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));

#[test]
fn keccak_of_nothing() {
    assert_eq!(keccak256(&[]), b256!("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"));
}

#[test]
fn recovers_only_low_s() {
    // The published signature has s in the upper half, which the contract refuses; its twin has n − s and the other v.
    let high = [&RS[..], &[28]].concat();
    assert_eq!(recover(DIGEST, &high), None);
    let s = ORDER - U256::from_be_slice(&RS[32..]);
    for v in [0, 27] {
        let low = [&RS[..32], &s.to_be_bytes::<32>(), &[v]].concat();
        assert_eq!(recover(DIGEST, &low), Some(SIGNER));
        assert_eq!(recover(DIGEST, &low[..64]), None);
    }
    let odd_v = [&RS[..32], &s.to_be_bytes::<32>(), &[29]].concat();
    assert_eq!(recover(DIGEST, &odd_v), None);
}

#[test]
fn ed25519_by_rfc_8032() {
    // RFC 8032, 7.1, test 2.
    let key = b256!("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = hex!(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    );
    assert!(verify_ed25519(key, &[0x72], &signature));
    assert!(!verify_ed25519(key, &[0x73], &signature));
    assert!(!verify_ed25519(key, &[0x72], &signature[..63]));
    // The identity as key is of small order: it would sign anything.
    let small = b256!("0100000000000000000000000000000000000000000000000000000000000000");
    let forged = [&small[..], &[0; 32]].concat();
    assert!(!verify_ed25519(small, b"anything", &forged));
}
