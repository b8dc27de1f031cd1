//! Who signed: of one signature and of many, beside libsecp256k1 one by one.

use std::io;

use alloy_primitives::{U256, keccak256};
use caldera_bench::{ByCargo, Report, Samples};
use caldera_ecrecover::{Signed, signer, signers};
use clap::Parser;
use secp256k1::{Message, SECP256K1, SecretKey, ecdsa::RecoveryId};

/// Signatures at once.
const COUNTS: [usize; 8] = [1, 2, 3, 4, 8, 16, 128, 1_024];
/// Of each count.
const SIGNATURES: usize = 16_384;

/// Who signed, of one signature and of many.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    _cargo: ByCargo,
}

fn main() -> io::Result<()> {
    let Args { _cargo } = Args::parse();
    let all: Vec<_> = (0..1_024).map(signed).collect();
    // Tables are made by the first use.
    assert_eq!(signers(&all), all.iter().map(signer).collect::<Vec<_>>());
    let mut report = Report::new("ecrecover");
    for count in COUNTS {
        let mut parts = all.chunks_exact(count).cycle();
        let mut next = || parts.next().unwrap_or_default();
        // Turn and turn about, so that both meet the same machine.
        let (mut together, mut alone) = (Vec::new(), Vec::new());
        for _ in 0..SIGNATURES / count {
            let (part, each) = (next(), count as f64);
            together.push(Samples::time(1, 1, || signers(part)).median_ns() / each);
            alone.push(Samples::time(1, 1, || part.iter().map(signer).collect::<Vec<_>>()).median_ns() / each);
        }
        let samples = |times| Samples::new(times).expect("there are some");
        report.row_against(&format!("a signature of {count}"), samples(together), "libsecp256k1", samples(alone));
    }
    report.finish()
}

fn signed(number: u64) -> Signed {
    let digest = keccak256(number.to_be_bytes());
    // A hash is below the order, but for one in 2^128.
    let key = SecretKey::from_byte_array(keccak256(digest).0).expect("it is below the order");
    let (id, bytes) = SECP256K1.sign_ecdsa_recoverable(Message::from_digest(digest.0), &key).serialize_compact();
    let [r, s] = [&bytes[..32], &bytes[32..]].map(U256::from_be_slice);
    Signed { digest, r, s, odd: id == RecoveryId::One }
}
