//! What an engine's work costs: the one place where fuel meets gas.
//!
//! **Calibration, version 1.** Measured on a virtual machine with two server cores of a busy host (x86-64, 2026), with
//! `cargo run --release -p caldera-engine --example measure` and loops of the same kind in revm 43:
//!
//! | work | nanoseconds per gas |
//! |---|---|
//! | EVM arithmetic, memory, warm storage reads | 0.8 to 2.6 |
//! | EVM KECCAK256 | 10 to 24 |
//! | engine, ordinary code (hashing, 256-bit arithmetic, sorting, scattered reads) | 0.6 to 1.3 |
//! | engine, the slowest instruction (an indirect call) | 2.8 |
//! | engine, bulk copies and fills | 0.1 to 0.2 |
//! | engine, host calls | 1.4 to 2.9 |
//! | engine, keccak256 | 5 to 8 |
//! | engine, BLS signatures | 6 to 7 |
//! | engine, Merkle Patricia proofs | 2 to 5 |
//! | engine, a fresh instance | 1.5 to 4 |
//! | engine, a page of memory mapped and touched | 20 to 50 |
//!
//! So ordinary guest code runs 6 to 14 units of fuel in a nanosecond, and [`FUEL_PER_GAS`] is set so that the slowest
//! instruction of an engine costs as much time per gas as the slowest of the EVM's. wasmtime charges a unit for each
//! instruction and byte; `caldera-engine` corrects the instructions that take longer. Hashes and signatures follow the
//! EVM's prices, which are low for their time there too. Page faults on the machine above took about 3 µs, ten times
//! what they take without a second layer of paging; the price of a page stands between.
//!
//! Version 2: addresses, words and numbers cross the border as integers and are part of a host call's base price; bytes are
//! charged for lists alone.
//!
//! `caldera:verify` came with version 2 unchanged: it adds prices and changes none. Measured on the same machine, busy: a BLS
//! verification takes 0.92 ms and 52 µs for each key, whose square root and subgroup check are most of it; a branch of a
//! Merkle Patricia proof 1.4 µs. Their prices are set for about 7 nanoseconds a gas, as those of hashes.
//!
//! Whoever changes a number here changes consensus: raise [`METERING_VERSION`] and the golden vectors with it.

/// Version of everything in this module.
pub const METERING_VERSION: u32 = 2;
/// Units of fuel that one gas buys.
pub const FUEL_PER_GAS: u64 = 8;
/// Gas of any host call before its own work; storage, logs and calls then cost what the EVM charges for the same act.
pub const HOST_CALL_GAS: u64 = 100;
/// Fuel for each byte that a host call, the input or the output moves in or out of the guest.
pub const HOST_BYTE_FUEL: u64 = 2;
/// Gas for the first instantiation of a component in a block, before its sizes.
pub const COLD_INSTANCE_GAS: u64 = 5_000;
/// Gas for each further instantiation of the same component in a block, before its sizes.
pub const WARM_INSTANCE_GAS: u64 = 2_500;
/// Pages of initial memory, 64 KiB each, that an instance's base price covers: they are cleared in place.
pub const INSTANCE_FREE_PAGES: u64 = 4;
/// Gas for each further page of initial memory: the system maps and clears it again for each instance.
pub const INSTANCE_PAGE_GAS: u64 = 1_000;
/// Gas for each page by which a guest grows its memory.
pub const GROW_PAGE_GAS: u64 = 2_000;
/// Gas of Keccak-256, before its words (EVM KECCAK256).
pub const KECCAK_GAS: u64 = 30;
/// Gas of Keccak-256 for each 32-byte word begun.
pub const KECCAK_WORD_GAS: u64 = 6;
/// Gas of a secp256k1 recovery (the EVM's precompile 0x01).
pub const RECOVER_GAS: u64 = 3_000;
/// Gas of an Ed25519 verification.
pub const ED25519_GAS: u64 = 3_500;
/// Fuel for each byte of message that an Ed25519 verification hashes (SHA-512).
pub const ED25519_BYTE_FUEL: u64 = 4;

/// Gas of a BLS verification before its keys: the signature's subgroup, the hash to the curve and two pairings.
pub const BLS_GAS: u64 = 130_000;
/// Gas of each public key of a BLS verification: its square root, its subgroup and its addition.
pub const BLS_KEY_GAS: u64 = 8_000;
/// Fuel for each byte of message that a BLS verification hashes (SHA-256).
pub const BLS_BYTE_FUEL: u64 = 8;
/// Gas of reading a Merkle Patricia proof, before its words.
pub const MPT_GAS: u64 = 200;
/// Gas of a Merkle Patricia proof for each 32-byte word begun of its nodes. A node that is hashed has more than one
/// word, so this covers the hash's fixed part too.
pub const MPT_WORD_GAS: u64 = 12;

/// Gas that pays for `fuel`, rounded up.
pub const fn gas_of(fuel: u64) -> u64 {
    fuel.div_ceil(FUEL_PER_GAS)
}

/// Fuel that `gas` buys, saturating.
pub const fn fuel_of(gas: u64) -> u64 {
    gas.saturating_mul(FUEL_PER_GAS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gas_covers_fuel() {
        for fuel in [0, 1, 7, 8, 9, 1_000_003] {
            assert!(fuel_of(gas_of(fuel)) >= fuel);
            assert!(fuel_of(gas_of(fuel)) < fuel + FUEL_PER_GAS);
        }
    }
}
