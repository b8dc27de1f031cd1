//! Formats that others depend on, pinned: units, their names and places, and what validators sign.
//!
//! A change of `units.txt` breaks every proof of every unit that was issued. When one is meant, raise the version of units and run with
//! `UPDATE_FIXTURES=1`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use alloy_primitives::{Address, B256, U256, address, hex, keccak256};
use alloy_sol_types::SolStruct;
use proptest::prelude::*;
use std::fmt::Write as _;
use weave_rules::{
    StateUnit,
    certificate::{Certificate, Committee, Evidence, Member, Statement, Vote},
    interop::{self, InteropError},
    place,
    unit::{self, Kind, UnitError},
};

const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/units.txt");
/// What `caldera-types` pins of certificates.
const CERTIFICATES: &str = include_str!("../../../../host/types/tests/fixtures/certificates.txt");

fn unit(kind: Kind) -> StateUnit {
    StateUnit {
        version: unit::VERSION,
        kind: kind.code(),
        origin: 4_201,
        issuer: Address::repeat_byte(0x11),
        owner: Address::repeat_byte(0x22),
        key: B256::repeat_byte(0x33),
        serial: if kind == Kind::Asset { 9 } else { 0 },
        destination: 4_202,
        value: U256::from(1_000_000),
        issued: 77,
        nonce: 5,
        expiry: 1_800_000_000,
    }
}

#[test]
fn units_are_pinned() {
    let mut found = String::new();
    for (name, kind) in [("asset", Kind::Asset), ("permission", Kind::Permission), ("behaviour", Kind::Behaviour)] {
        let unit = unit(kind);
        let id = unit::id(&unit);
        writeln!(found, "{name}").unwrap();
        writeln!(found, "  encoding {}", hex::encode(unit::encode(&unit))).unwrap();
        writeln!(found, "  id {id}").unwrap();
        writeln!(found, "  commitment {}", hex::encode(unit::commitment(&unit))).unwrap();
        writeln!(found, "  slot {}", place::slot(id)).unwrap();
        writeln!(found, "  leaf {}", hex::encode(place::leaf(&unit::commitment(&unit)))).unwrap();
        writeln!(found, "  eip-712 {}", unit::signing_hash(&unit)).unwrap();
    }
    writeln!(found, "type {}", StateUnit::eip712_encode_type()).unwrap();
    writeln!(found, "asset-id {}", unit::asset_id(4_201, Address::repeat_byte(0x44))).unwrap();
    if std::env::var_os("UPDATE_FIXTURES").is_some() {
        std::fs::write(UNITS, &found).unwrap();
    }
    assert_eq!(
        found,
        std::fs::read_to_string(UNITS).unwrap(),
        "the format of units changed; see the head of this file"
    );
}

fn any_unit() -> impl Strategy<Value = StateUnit> {
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>());
    (1u8..4, any::<[u8; 20]>(), any::<[u8; 20]>(), any::<[u8; 32]>(), any::<[u8; 32]>(), numbers).prop_map(
        |(kind, issuer, owner, key, value, (origin, serial, destination, issued, nonce, expiry))| StateUnit {
            version: unit::VERSION,
            kind,
            origin,
            issuer: issuer.into(),
            owner: owner.into(),
            key: key.into(),
            serial,
            destination,
            value: U256::from_be_bytes(value),
            issued,
            nonce,
            expiry,
        },
    )
}

proptest! {
    #[test]
    fn units_come_back(unit in any_unit(), at in 0usize..unit::BYTES) {
        let bytes = unit::encode(&unit);
        prop_assert_eq!(unit::decode(&bytes), Ok(unit.clone()));
        prop_assert_eq!(unit::decode(&bytes[..at]), Err(UnitError::Length(at)));
        // No byte is without meaning.
        let mut other = bytes;
        other[at] ^= 1;
        if let Ok(changed) = unit::decode(&other) {
            prop_assert_ne!(unit::commitment(&changed), unit::commitment(&unit));
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = unit::decode(&bytes);
        let _ = interop::decode(&bytes);
        let _ = Certificate::read(&bytes);
        let _ = Evidence::read(&bytes);
        let _ = place::storage_root(&bytes);
        let _ = Committee::stored(bytes).map(|committee| committee.signers(&[]).is_ok());
    }

    #[test]
    fn interoperable_addresses_come_back(chain in 1u64.., account in any::<[u8; 20]>()) {
        let account = Address::from(account);
        prop_assert_eq!(interop::decode(&interop::encode(chain, account)), Ok((chain, account)));
    }
}

#[test]
fn each_other_unit_is_refused() {
    let bytes = unit::encode(&unit(Kind::Asset));
    let with = |at: usize, value: u8| {
        let mut bytes = bytes;
        bytes[at] = value;
        unit::decode(&bytes)
    };
    assert_eq!(with(0, 2), Err(UnitError::Version(2)));
    assert_eq!(with(1, 0), Err(UnitError::Kind(0)));
    assert_eq!(with(1, 4), Err(UnitError::Kind(4)));
}

/// The first example of ERC-7930: an account of Ethereum's main network.
#[test]
fn interoperable_addresses_are_those_of_the_standard() {
    let account = address!("d8dA6BF26964aF9D7eEd9e03E53415D37aA96045");
    let bytes = hex!("00010000010114d8da6bf26964af9d7eed9e03e53415d37aa96045");
    assert_eq!(interop::encode(1, account), bytes);
    assert_eq!(interop::decode(&bytes), Ok((1, account)));
    let check = |bytes: &[u8], error: InteropError| assert_eq!(interop::decode(bytes), Err(error));
    check(&bytes[..bytes.len() - 1], InteropError::Length);
    check(&[bytes.as_slice(), &[0]].concat(), InteropError::Length);
    check(&hex!("00020000010114d8da6bf26964af9d7eed9e03e53415d37aa96045"), InteropError::Version);
    check(&hex!("00010002010114d8da6bf26964af9d7eed9e03e53415d37aa96045"), InteropError::ChainType);
    check(&hex!("0001000002000114d8da6bf26964af9d7eed9e03e53415d37aa96045"), InteropError::Chain);
    check(&hex!("000100000014d8da6bf26964af9d7eed9e03e53415d37aa96045"), InteropError::Chain);
    check(&hex!("00010000010100"), InteropError::Address);
}

/// The same bytes mean the same here and in `caldera-types`.
#[test]
fn what_validators_sign_is_read_as_it_is_written() {
    let pinned = |name: &str| {
        let line = CERTIFICATES.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap();
        hex::decode(line).unwrap()
    };
    let encoding = pinned("committee");
    let committee = Committee::stored(encoding.clone()).unwrap();
    assert_eq!(committee.root().as_slice(), pinned("committee-root"));
    assert_eq!(committee.root(), keccak256(&encoding));
    let members: Vec<Member<'_>> = committee.members().collect();
    assert_eq!(Committee::new(committee.epoch(), members.into_iter()).unwrap(), committee);
    let bytes = pinned("statement");
    let statement = Statement::read(&mut bytes.as_slice()).unwrap();
    assert_eq!((statement.chain_id, statement.height), (4_201, 77));
    committee.must_be_of(&statement).unwrap();
    let certificate = pinned("certificate");
    let certificate = Certificate::read(&certificate).unwrap();
    assert_eq!(certificate.statement, statement);
    committee.signers(certificate.bitmap).unwrap();
    let vote = pinned("vote");
    assert_eq!(Vote::read(&mut vote.as_slice()).unwrap().member, 2);
    for (name, is_equivocation) in [("equivocation", true), ("wrong-root", false)] {
        let bytes = pinned(name);
        let evidence = Evidence::read(&bytes).unwrap();
        assert_eq!(matches!(evidence, Evidence::Equivocation(..)), is_equivocation);
    }
}
