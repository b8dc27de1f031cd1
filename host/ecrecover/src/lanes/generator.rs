//! Multiples of the generator.

use std::sync::LazyLock;

use secp256k1::{PublicKey, SECP256K1, SecretKey};

use crate::words::words;

/// How many.
pub(super) const MULTIPLES: usize = 128;

/// x and y of a point.
pub(super) type Point = [[u64; 4]; 2];

/// The generator times 1 to 128.
pub(super) static TABLE: LazyLock<[Point; MULTIPLES]> = LazyLock::new(|| {
    std::array::from_fn(|index| {
        let mut number = [0; 32];
        number[31] = index as u8 + 1;
        // From 1 to 128: not zero, and below the order.
        let secret = SecretKey::from_byte_array(number).expect("a small number is a secret key");
        let public = PublicKey::from_secret_key(SECP256K1, &secret).serialize_uncompressed();
        [words(&public[1..33]), words(&public[33..])]
    })
});
