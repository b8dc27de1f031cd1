//! Vectors of the suite, and what must be refused.

use alloy_primitives::hex;
use proptest::prelude::*;

use crate::*;

/// The tag under which Ethereum's consensus layer signs, and its published vectors with it.
const ETHEREUM: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

fn secret(n: u8) -> SecretKey {
    SecretKey::from_entropy(&[n; 32])
}

#[test]
fn ethereums_vectors_come_out() {
    // github.com/ethereum/bls12-381-tests, v0.1.2, sign.
    let secret = hex!("263dbd792f5b1be47ed85f8938c0f29586af0d3ac7b977f21c278fe1462040e3");
    let public =
        hex!("a491d1b0ecd9bb917989f0e74f0dea0422eac4a873e5e2644f368dffb9a6e20fd6e10c1b77654d067c0618f6e5a7f79a");
    let secret = SecretKey::from_bytes(&secret).unwrap();
    assert_eq!(secret.public_key().to_bytes(), public);
    for (byte, want) in [
        (
            0x00,
            hex!(
                "b6ed936746e01f8ecf281f020953fbf1f01debd5657c4a383940b020b26507f6076334f91e2366c96e9ab279fb5158090352ea1c5b0c9274504f4f0e7053af24802e51e4568d164fe986834f41e55c8e850ce1f98458c0cfc9ab380b55285a55"
            ),
        ),
        (
            0x56,
            hex!(
                "882730e5d03f6b42c3abc26d3372625034e1d871b65a8a6b900a56dae22da98abbe1b68f85e49fe7652a55ec3d0591c20767677e33e5cbb1207315c41a9ac03be39c2e7668edc043d6cb1d9fd93033caa8a1c5b0e84bedaeb6c64972503a43eb"
            ),
        ),
    ] {
        let message = [byte; 32];
        let signature = secret.sign_tagged(ETHEREUM, &message);
        assert_eq!(signature.to_bytes(), want, "{byte:#x}");
        let read = Signature::from_bytes(&want).unwrap();
        assert!(read.verify_tagged(ETHEREUM, &message, &[secret.public_key()]));
        assert!(!read.verify(Domain::Certificate, &message, &secret.public_key()));
    }
}

#[test]
fn a_signature_of_one_domain_says_nothing_in_another() {
    let key = secret(1);
    for domain in Domain::ALL {
        let signature = key.sign(domain, b"m");
        for other in Domain::ALL {
            assert_eq!(signature.verify(other, b"m", &key.public_key()), other == domain, "{domain:?} as {other:?}");
        }
        assert!(!signature.verify(domain, b"n", &key.public_key()));
        assert!(!signature.verify(domain, b"m", &secret(2).public_key()));
    }
}

#[test]
fn all_must_have_signed_and_nobody_signs_nothing() {
    let keys: Vec<_> = (1..=5).map(secret).collect();
    let public: Vec<_> = keys.iter().map(SecretKey::public_key).collect();
    let signatures: Vec<_> = keys.iter().map(|key| key.sign(Domain::Certificate, b"m")).collect();
    let all = aggregate(&signatures).unwrap();
    let verify = |keys: &[PublicKey]| fast_aggregate_verify(Domain::Certificate, keys, b"m", &all);
    assert!(verify(&public));
    assert!(!verify(&public[1..]));
    assert!(!verify(&[&public[..], &public[..1]].concat()), "one signer counted twice");
    assert!(!verify(&[]));
    assert_eq!(aggregate(&[]), Err(BlsError::Nothing));
}

/// `a - b`, as anybody can compute it from public keys.
fn rogue(own: &PublicKey, other: &PublicKey) -> PublicKey {
    let mut sum = blst::min_pk::AggregatePublicKey::from_public_key(&own.0);
    sum.sub_aggregate(&blst::min_pk::AggregatePublicKey::from_public_key(&other.0));
    PublicKey::from_bytes(&sum.to_public_key().to_bytes()).unwrap()
}

#[test]
fn a_rogue_key_would_sign_for_others_and_is_stopped_by_its_possession() {
    let (attacker, victim) = (secret(1), secret(2).public_key());
    let rogue = rogue(&attacker.public_key(), &victim);
    let forged = attacker.sign(Domain::Certificate, b"the victim never saw this");
    // The attack is real: that is why a key without a proof must not join.
    assert!(fast_aggregate_verify(Domain::Certificate, &[rogue, victim], b"the victim never saw this", &forged));
    let proofs = [
        attacker.prove_possession(),
        secret(2).prove_possession(),
        attacker.sign(Domain::Possession, &rogue.to_bytes()),
        attacker.sign(Domain::Certificate, &rogue.to_bytes()),
    ];
    for (place, proof) in proofs.iter().enumerate() {
        assert!(!rogue.verify_possession(proof), "proof {place}");
    }
    assert!(attacker.public_key().verify_possession(&attacker.prove_possession()));
}

#[test]
fn keys_that_cancel_out_sign_nothing() {
    let key = secret(1).public_key();
    let mut negated = key.to_bytes();
    negated[0] ^= 0x20;
    let negated = PublicKey::from_bytes(&negated).unwrap();
    let signature = secret(1).sign(Domain::Certificate, b"m");
    assert!(!fast_aggregate_verify(Domain::Certificate, &[key, negated], b"m", &signature));
    let mut other = signature.to_bytes();
    other[0] ^= 0x20;
    let other = Signature::from_bytes(&other).unwrap();
    assert_eq!(aggregate(&[signature, other]), Err(BlsError::Infinity("aggregate signature")));
}

fn infinity<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    bytes[0] = 0xc0;
    bytes
}

#[test]
fn bytes_that_are_no_key_are_refused_by_name() {
    let good = secret(1).public_key().to_bytes();
    let length = |got| BlsError::Length { what: "public key", want: 48, got };
    for (bytes, want) in [
        (&good[..47], length(47)),
        (&[], length(0)),
        (&[good.as_slice(), &[0]].concat(), length(49)),
        // Uncompressed: the library reads it, so the length must stop it.
        (&secret(1).public_key().0.serialize(), length(96)),
        (&infinity::<48>(), BlsError::Infinity("public key")),
        (&[0; 48], BlsError::NotAPoint("public key")),
        (&[0xff; 48], BlsError::NotAPoint("public key")),
        (&outside_subgroup::<48>(), BlsError::WrongSubgroup("public key")),
    ] {
        assert_eq!(PublicKey::from_bytes(bytes).unwrap_err(), want, "{}", hex::encode(bytes));
    }
}

#[test]
fn bytes_that_are_no_signature_are_refused_by_name() {
    let good = secret(1).sign(Domain::Handover, b"m").to_bytes();
    let length = |got| BlsError::Length { what: "signature", want: 96, got };
    for (bytes, want) in [
        (&good[..95], length(95)),
        (&[good.as_slice(), &good].concat(), length(192)),
        (&infinity::<96>(), BlsError::Infinity("signature")),
        (&[0; 96], BlsError::NotAPoint("signature")),
        (&outside_subgroup::<96>(), BlsError::WrongSubgroup("signature")),
    ] {
        assert_eq!(Signature::from_bytes(bytes).unwrap_err(), want, "{}", hex::encode(bytes));
    }
}

/// The first small x with a point on the curve. One point in the cofactor (about 2^125 and more) lies in the subgroup.
fn outside_subgroup<const N: usize>() -> [u8; N] {
    let candidates = (1..=255u8).map(|x| {
        let mut bytes = [0; N];
        (bytes[0], bytes[N - 1]) = (0x80, x);
        bytes
    });
    candidates
        .into_iter()
        .find(|bytes| match N {
            48 => blst::min_pk::PublicKey::uncompress(bytes).is_ok(),
            _ => blst::min_pk::Signature::uncompress(bytes).is_ok(),
        })
        .unwrap()
}

#[test]
fn secret_keys_are_checked_and_not_printed() {
    let key = secret(3);
    assert_eq!(SecretKey::from_bytes(&key.reveal()).unwrap().public_key(), key.public_key());
    let length = BlsError::Length { what: "secret key", want: 32, got: 31 };
    for (bytes, want) in [(&[1; 31][..], length), (&[0; 32], BlsError::Secret), (&[0xff; 32], BlsError::Secret)] {
        assert_eq!(SecretKey::from_bytes(bytes).unwrap_err(), want);
    }
    assert!(!format!("{key:?}").contains(&hex::encode(key.reveal())));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_and_what_is_read_has_one_encoding(
        bytes in prop::collection::vec(any::<u8>(), 0..200), n in any::<u8>(), bit in 0usize..96 * 8,
    ) {
        let _ = (SecretKey::from_bytes(&bytes), PublicKey::from_bytes(&bytes), Signature::from_bytes(&bytes));
        let signature = secret(n).sign(Domain::Certificate, b"m");
        let mut flipped = signature.to_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(other) = Signature::from_bytes(&flipped) {
            prop_assert_eq!(other.to_bytes(), flipped);
            prop_assert!(!other.verify(Domain::Certificate, b"m", &secret(n).public_key()));
        }
    }
}
