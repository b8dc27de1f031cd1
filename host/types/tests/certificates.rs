//! The form of certificates, and every fault that has a name.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{collections::BTreeMap, fs, path::Path};

use alloy_primitives::{Address, B256, hex};
use caldera_types::*;
use proptest::prelude::*;

fn member(n: u8, weight: u64) -> Member {
    Member { key: BlsKey::repeat_byte(n), weight, owner: Address::repeat_byte(n) }
}

fn committee(weights: &[u64]) -> Committee {
    let members = (1..).zip(weights).map(|(n, weight)| member(n, *weight)).collect();
    Committee::new(3, members).unwrap()
}

fn statement(committee: &Committee) -> Statement {
    Statement {
        chain_id: 4201,
        height: 77,
        block_hash: B256::repeat_byte(0xb1),
        state_root: B256::repeat_byte(0x57),
        epoch: committee.epoch(),
        committee_root: committee.root(),
        finality: Finality::Certified,
    }
}

fn vote(statement: Statement, member: u16) -> Vote {
    Vote { statement, member, signature: BlsSignature::repeat_byte(0x51) }
}

fn certificate(committee: &Committee, signers: &[u16]) -> Result<Certificate, CertificateError> {
    Certificate::new(statement(committee), committee, signers, BlsSignature::repeat_byte(0xa6))
}

/// What is signed and stored, by name.
fn encodings() -> BTreeMap<&'static str, Vec<u8>> {
    let committee = committee(&[1, 2, 3, 4]);
    let (one, other) = (statement(&committee), Statement { state_root: B256::ZERO, ..statement(&committee) });
    let certificate = certificate(&committee, &[0, 2, 3]).unwrap();
    [
        ("committee", committee.encode()),
        ("committee-root", committee.root().to_vec()),
        ("statement", one.encode().to_vec()),
        ("vote", vote(one, 2).encode()),
        ("certificate", certificate.encode()),
        ("equivocation", Evidence::equivocation(vote(one, 1), vote(other, 1)).unwrap().encode()),
        ("wrong-root", Evidence::wrong_root(vote(other, 1), certificate).unwrap().encode()),
    ]
    .into()
}

#[test]
fn encodings_are_as_pinned() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/certificates.txt");
    let now: String = encodings().iter().map(|(name, bytes)| format!("{name} = {}\n", hex::encode(bytes))).collect();
    let pinned = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(now, pinned, "every signature ever made depends on these: {}", path.display());
}

#[test]
fn encodings_read_back() {
    let of = encodings();
    assert_eq!(Committee::decode(&of["committee"]).unwrap().encode(), of["committee"]);
    assert_eq!(Statement::decode(&of["statement"]).unwrap().encode().to_vec(), of["statement"]);
    assert_eq!(Vote::decode(&of["vote"]).unwrap().encode(), of["vote"]);
    assert_eq!(Certificate::decode(&of["certificate"]).unwrap().encode(), of["certificate"]);
    for name in ["equivocation", "wrong-root"] {
        let evidence = Evidence::decode(&of[name]).unwrap();
        assert_eq!((evidence.name(), evidence.encode()), (name, of[name].clone()));
        evidence.check(&committee(&[1, 2, 3, 4])).unwrap();
    }
}

#[test]
fn a_committee_is_checked() {
    use CertificateError as E;
    let many: Vec<_> = (0..129u32).map(|n| Member { key: key(n), ..member(0, 1) }).collect();
    for (members, want) in [
        (vec![], E::NoMembers),
        (many.clone(), E::TooManyMembers(129)),
        (vec![member(1, 1), member(2, 0)], E::NoWeight(1)),
        (vec![member(1, 1), member(2, 1), member(1, 5)], E::DuplicateKey { first: 0, second: 2 }),
    ] {
        assert_eq!(Committee::new(0, members).unwrap_err(), want);
    }
    assert_eq!(Committee::new(0, many[..128].to_vec()).unwrap().members().len(), 128);
    let bytes = committee(&[1, 1]).encode();
    assert!(matches!(Committee::decode(&bytes[1..]), Err(E::Length { .. } | E::TooManyMembers(_))));
    assert!(matches!(Committee::decode(&[&*bytes, &[0]].concat()), Err(E::Length { what: "committee", .. })));
}

fn key(n: u32) -> BlsKey {
    let mut key = BlsKey::ZERO;
    key[..4].copy_from_slice(&n.to_be_bytes());
    key
}

#[test]
fn a_quorum_is_strictly_more_than_two_thirds() {
    for (weights, signers, want) in [
        (&[1, 1, 1][..], &[0, 1][..], false),
        (&[1, 1, 1], &[0, 1, 2], true),
        (&[1, 1, 1, 1], &[0, 1], false),
        (&[1, 1, 1, 1], &[0, 1, 3], true),
        (&[5, 1, 1, 1], &[0, 1], true),
        (&[4, 1, 1], &[0], false),
        (&[u64::MAX; 128], &[0], false),
        (&[u64::MAX, u64::MAX, u64::MAX], &[0, 1, 2], true),
    ] {
        let got = certificate(&committee(weights), signers);
        assert_eq!(got.is_ok(), want, "{weights:?} {signers:?}: {got:?}");
    }
}

#[test]
fn every_fault_of_a_certificate_has_a_name() {
    use CertificateError as E;
    let of = committee(&[1; 10]);
    let good = certificate(&of, &[0, 1, 2, 3, 4, 5, 9]).unwrap();
    assert_eq!(good.signers(&of).unwrap(), [0, 1, 2, 3, 4, 5, 9]);
    let check = |edit: &dyn Fn(&mut Certificate), want: E| {
        let mut bad = good.clone();
        edit(&mut bad);
        assert_eq!(bad.signers(&of).unwrap_err(), want);
    };
    check(&|bad| bad.statement.epoch += 1, E::UnknownEpoch { given: 4, expected: 3 });
    let other = B256::repeat_byte(1);
    check(&|bad| bad.statement.committee_root = other, E::OtherCommittee { given: other, expected: of.root() });
    check(&|bad| bad.bitmap[1] |= 4, E::BitsPastEnd { members: 10 });
    check(&|bad| bad.bitmap[1] |= 0x80, E::BitsPastEnd { members: 10 });
    check(&|bad| bad.bitmap[0] = 0, E::UnderQuorum { signed: 1, total: 10 });
    check(&|bad| bad.bitmap.push(0), E::Length { what: "bitmap", want: 2, got: 3 });
    check(&|bad| bad.bitmap.truncate(1), E::Length { what: "bitmap", want: 2, got: 1 });
    assert_eq!(certificate(&of, &[0, 1, 2, 3, 3, 4, 5, 6]).unwrap_err(), E::DuplicateSigner(3));
    assert_eq!(certificate(&of, &[0, 10]).unwrap_err(), E::NotAMember { member: 10, members: 10 });
    let mut bytes = good.encode();
    bytes[Statement::BYTES - 1] = 1;
    assert_eq!(Certificate::decode(&bytes).unwrap_err(), E::UnknownFinality(1));
    for length in [0, 121, 217, 121 + 96 + 17] {
        assert!(matches!(Certificate::decode(&vec![0; length]), Err(E::Length { what: "certificate", .. })));
    }
}

#[test]
fn evidence_of_nothing_is_none() {
    use CertificateError as E;
    let of = committee(&[1; 4]);
    let one = statement(&of);
    let lie = Statement { block_hash: B256::ZERO, ..one };
    for (first, second) in [
        (vote(one, 0), vote(one, 0)),
        (vote(one, 0), vote(lie, 1)),
        (vote(one, 0), vote(Statement { height: 78, ..lie }, 0)),
        (vote(one, 0), vote(Statement { chain_id: 4202, ..lie }, 0)),
        (vote(one, 0), vote(Statement { epoch: 4, ..lie }, 0)),
        (vote(one, 0), vote(Statement { committee_root: B256::ZERO, ..lie }, 0)),
    ] {
        assert_eq!(Evidence::equivocation(first, second).unwrap_err(), E::NoConflict);
    }
    let equivocation = Evidence::equivocation(vote(one, 0), vote(lie, 0)).unwrap();
    assert_eq!(Evidence::equivocation(vote(lie, 0), vote(one, 0)).unwrap(), equivocation);
    let bytes = equivocation.encode();
    let swapped = [&bytes[..1], &bytes[1 + Vote::BYTES..], &bytes[1..1 + Vote::BYTES]].concat();
    assert_eq!(Evidence::decode(&swapped).unwrap_err(), E::Unordered);
    assert_eq!(Evidence::decode(&[&[9], &bytes[1..]].concat()).unwrap_err(), E::UnknownEvidence(9));
    let certificate = certificate(&of, &[1, 2, 3]).unwrap();
    assert_eq!(Evidence::wrong_root(vote(one, 0), certificate.clone()).unwrap_err(), E::NoConflict);
    let under = Certificate { bitmap: vec![1], ..certificate.clone() };
    let evidence = Evidence::wrong_root(vote(lie, 0), under).unwrap();
    assert!(matches!(evidence.check(&of), Err(E::UnderQuorum { .. })));
    let nobody = Evidence::wrong_root(vote(lie, 4), certificate).unwrap();
    assert!(matches!(nobody.check(&of), Err(E::NotAMember { .. })));
}

proptest! {
    /// No bytes make a decoder panic, and what is read is written as it was.
    #[test]
    fn what_decodes_has_one_encoding(bytes in prop::collection::vec(any::<u8>(), 0..600), name in 0usize..7, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let encodings: Vec<_> = encodings().into_values().collect();
        let mut mutated = encodings[name].clone();
        let at = at.index(mutated.len());
        mutated[at] ^= 1 << bit;
        for bytes in [bytes, mutated] {
            if let Ok(read) = Committee::decode(&bytes) { prop_assert_eq!(read.encode(), bytes.clone()); }
            if let Ok(read) = Statement::decode(&bytes) { prop_assert_eq!(read.encode().to_vec(), bytes.clone()); }
            if let Ok(read) = Vote::decode(&bytes) { prop_assert_eq!(read.encode(), bytes.clone()); }
            if let Ok(read) = Certificate::decode(&bytes) { prop_assert_eq!(read.encode(), bytes.clone()); }
            if let Ok(read) = Evidence::decode(&bytes) { prop_assert_eq!(read.encode(), bytes.clone()); }
        }
    }
}
