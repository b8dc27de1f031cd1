//! Eight at a time and one by one say the same of every signature, valid or not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloy_primitives::{Address, B256, U256, address, b256, keccak256, uint};
use caldera_ecrecover::{Signed, signer, signers};
use proptest::prelude::*;
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey, ecdsa::RecoveryId};

const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
const LAMBDA: U256 = uint!(0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72_U256);
const P: U256 = uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);

fn public(secret: U256) -> [u8; 65] {
    let secret = SecretKey::from_byte_array(secret.to_be_bytes()).unwrap();
    PublicKey::from_secret_key(SECP256K1, &secret).serialize_uncompressed()
}

/// What a signature by `secret` is, and who signed.
fn signed(secret: U256, digest: B256) -> (Signed, Address) {
    let key = SecretKey::from_byte_array(secret.to_be_bytes()).unwrap();
    let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &key).serialize_compact();
    let [r, s] = [&bytes[..32], &bytes[32..]].map(U256::from_be_slice);
    let signed = Signed { digest, r, s, odd: id == RecoveryId::One };
    (signed, Address::from_slice(&keccak256(&public(secret)[1..])[12..]))
}

/// The signature whose key is `point` times the point of `nonce`, and `generator` times the generator: any step of the
/// computation can be brought about by it.
fn made(nonce: U256, point: U256, generator: U256) -> Signed {
    let at = public(nonce);
    let r = U256::from_be_slice(&at[1..33]);
    let digest = (ORDER - generator.mul_mod(r, ORDER)) % ORDER;
    Signed { digest: digest.into(), r, s: point.mul_mod(r, ORDER), odd: at[64] & 1 == 1 }
}

fn check(all: &[Signed]) {
    let one_by_one: Vec<_> = all.iter().map(signer).collect();
    assert_eq!(signers(all), one_by_one);
    // In other company, and in another lane.
    assert_eq!(signers(&all[1..]), one_by_one[1..]);
    for (signed, one) in all.iter().zip(&one_by_one) {
        assert_eq!(signers(&[*signed, *signed]), [*one, *one], "{signed:?}");
    }
}

#[test]
fn who_signed_is_named() {
    for count in [0, 1, 2, 7, 8, 9, 100] {
        let all = (0..count).map(|number: u64| {
            signed(U256::from_be_bytes(keccak256(number.to_be_bytes()).0), keccak256((!number).to_be_bytes()))
        });
        let (signed, who): (Vec<_>, Vec<_>) = all.unzip();
        assert_eq!(signers(&signed), who.into_iter().map(Some).collect::<Vec<_>>());
    }
}

/// Signatures that are written down elsewhere, so that nothing rests on one library alone: EIP-155's example, and the one of the
/// tests of the precompile that all clients share.
#[test]
fn signatures_of_others() {
    let known = [
        (
            Signed {
                digest: b256!("daf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"),
                r: uint!(0x28ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276_U256),
                s: uint!(0x67cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83_U256),
                odd: false,
            },
            address!("9d8A62f656a8d1615C1294fd71e9CFb3E4855A4F"),
        ),
        (
            Signed {
                digest: b256!("456e9aea5e197a1f1af7a3e85a3212fa4049a3ba34c2289b4c860fc0b0c64ef3"),
                r: uint!(0x9242685bf161793cc25603c231bc2f568eb630ea16aa137d2664ac8038825608_U256),
                s: uint!(0x4f8ae3bd7535248d0bd448298cc2e2071e56992d0774dc340c368ae950852ada_U256),
                odd: true,
            },
            address!("7156526fbd7a3c72969b54f64e42c10fbb768c8a"),
        ),
    ];
    for (signed, who) in known {
        assert_eq!(signer(&signed), Some(who));
        assert_eq!(signers(&[signed; 17]), [Some(who); 17]);
    }
}

#[test]
fn numbers_at_the_edges() {
    let (good, _) = signed(U256::from(7), keccak256("caldera"));
    let one = U256::from(1);
    let edges = [
        U256::ZERO,
        one,
        U256::from(2),
        ORDER >> 1,
        (ORDER >> 1) + one,
        ORDER - one,
        ORDER,
        ORDER + one,
        P - one,
        P,
        P + one,
        U256::MAX,
    ];
    let mut all = vec![good];
    for edge in edges {
        for odd in [false, true] {
            all.extend([
                Signed { r: edge, odd, ..good },
                Signed { s: edge, odd, ..good },
                Signed { digest: edge.into(), odd, ..good },
            ]);
        }
    }
    // Half of all x have no point.
    all.extend((1..200).map(|x| Signed { r: U256::from(x), ..good }));
    check(&all);
}

/// Sums of equal points, of opposite ones, and a key at infinity, which is none.
#[test]
fn points_that_meet() {
    let small = (0..20).map(U256::from).chain((0..20).map(|number| ORDER - U256::from(number + 1)));
    let mut numbers: Vec<U256> = small.collect();
    numbers.extend([LAMBDA, ORDER - LAMBDA, U256::from(1) << 128, (U256::from(1) << 128) - U256::from(1)]);
    for nonce in [1_u64, 2, 3, 8, 16, 128, 256].map(U256::from).into_iter().chain([LAMBDA, ORDER - U256::from(1)]) {
        for point in &numbers {
            check(&numbers.iter().map(|generator| made(nonce, *point, *generator)).collect::<Vec<_>>());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_signature(all in prop::collection::vec(any::<([u64; 4], [u64; 4], [u64; 4], bool)>(), 1..20)) {
        check(&all.into_iter().map(|(digest, r, s, odd)| {
            let [digest, r, s] = [digest, r, s].map(U256::from_limbs);
            Signed { digest: digest.into(), r, s, odd }
        }).collect::<Vec<_>>());
    }

    /// Points that meet late on the way: the number of one is near that of the other, in any of its places.
    #[test]
    fn near_ones(all in prop::collection::vec((any::<[u64; 4]>(), 0..32usize, -2i64..3, any::<bool>(), 0..3usize), 1..20)) {
        check(&all.into_iter().map(|(number, place, off, opposite, nonce)| {
            let nonce = [U256::from(1), ORDER - U256::from(1), LAMBDA][nonce];
            let number = (U256::from_limbs(number) >> (8 * place)) % ORDER;
            let off = if off < 0 { ORDER - U256::from(off.unsigned_abs()) } else { U256::from(off as u64) };
            let generator = number.add_mod(off, ORDER).mul_mod(nonce, ORDER);
            made(nonce, number, if opposite { (ORDER - generator) % ORDER } else { generator })
        }).collect::<Vec<_>>());
    }

    #[test]
    fn any_computation(all in prop::collection::vec(any::<([u64; 4], [u64; 4], [u64; 4], u8, u8)>(), 1..20)) {
        check(&all.into_iter().map(|(nonce, point, generator, few, fewer)| {
            let [nonce, point, generator] = [nonce, point, generator].map(U256::from_limbs);
            made(nonce % (ORDER - U256::from(1)) + U256::from(1), (point >> few as usize) % ORDER, (generator >> fewer as usize) % ORDER)
        }).collect::<Vec<_>>());
    }
}
