//! Certificates: who is believed, and every refusal.

use caldera_sdk::{
    prelude::*,
    testing::{Secret, aggregate},
    verify::Domain,
};
use weave_rules::{
    abi::Weave as abi,
    certificate::{self, Committee},
};

use super::world::*;

fn submit(certificate: &Bytes) -> abi::submitRootsCall {
    abi::submitRootsCall { certificates: vec![certificate.clone()] }
}

#[test]
fn a_quorum_is_believed_and_nothing_less() {
    let mut world = World::new();
    let block = world.certify(0);
    let statement = block.certificate[..certificate::STATEMENT_BYTES].to_vec();
    let by = |signers: &[usize]| world.signed(Domain::Certificate, &statement, signers);
    let refused = |certificate: &Bytes, error: Revert| {
        let failure = world.call(1, BOB, &submit(certificate)).unwrap_err();
        assert_eq!(failure, caldera_sdk::testing::Failure::Reverted(error));
    };
    refused(&by(&[0, 1]), abi::UnderQuorum { signed: 2, total: 4 }.into());
    for domain in [Domain::Possession, Domain::Handover] {
        refused(&world.signed(domain, &statement, &[0, 1, 2]), abi::BadSignature {}.into());
    }
    // One signature twice for two, a bit too many, and a bit past the end.
    let twice = [0, 0, 1].map(|n| world.secrets[n].sign(Domain::Certificate, &statement));
    let forged = [statement.as_slice(), &[0b111], &aggregate(&twice)].concat();
    refused(&forged.into(), abi::BadSignature {}.into());
    let mut more = by(&[0, 1, 2]).to_vec();
    more[statement.len()] = 0b1111;
    refused(&more.into(), abi::BadSignature {}.into());
    let mut past = by(&[0, 1, 2]).to_vec();
    past[statement.len()] = 0b10111;
    refused(&past.into(), abi::UnknownSigner { member: 4 }.into());
    // A stranger's signature, cut off, longer.
    let strangers: Vec<_> = (7..10).map(|n| Secret::nth(n).sign(Domain::Certificate, &statement)).collect();
    let forged = [statement.as_slice(), &[0b111], &aggregate(&strangers)].concat();
    refused(&forged.into(), abi::BadSignature {}.into());
    let sound = by(&[1, 2, 3]);
    for len in [0, 1, 120, 121, 216] {
        refused(&sound.slice(..len), abi::MalformedCertificate {}.into());
    }
    refused(&[sound.as_ref(), &[0]].concat().into(), abi::MalformedCertificate {}.into());
    // Another chain, epoch, committee, class.
    let change = |at: usize, value: u8| {
        let mut statement = statement.clone();
        statement[at] ^= value;
        world.signed(Domain::Certificate, &statement, &[0, 1, 2])
    };
    refused(&change(0, 0x80), abi::UnknownOrigin { chainId: chain(0) | 1 << 63 }.into());
    refused(&change(87, 3), abi::WrongEpoch { epoch: 2, expected: 1 }.into());
    let mut root = world.committee(1).root();
    root.0[0] ^= 1;
    refused(&change(88, 1), abi::WrongCommittee { committeeRoot: root }.into());
    refused(&change(120, 1), abi::UnknownFinality { finality: 1 }.into());
    assert_eq!(world.call(1, BOB, &submit(&sound)).unwrap(), U256::ONE);
    let known = world.view(1, &abi::rootOfCall { chainId: chain(0), height: block.height }).unwrap();
    assert_eq!(known.stateRoot, block.state.root());
    // The same again is nothing new, by whomever it is signed.
    assert_eq!(world.call(1, BOB, &submit(&by(&[0, 1, 2, 3]))).unwrap(), U256::ZERO);
    let many = abi::submitRootsCall { certificates: vec![sound; 33] };
    world.refused(1, BOB, &many, abi::TooMany { most: 32 });
}

#[test]
fn old_roots_are_stale() {
    let mut world = World::new();
    let blocks: Vec<_> = (0..13).map(|_| world.certify(0)).collect();
    world.call(1, BOB, &submit(&blocks[12].certificate)).unwrap();
    // As far behind as it may be, then one more.
    world.call(1, BOB, &submit(&blocks[2].certificate)).unwrap();
    let stale = abi::StaleRoot { chainId: chain(0), height: blocks[1].height };
    world.refused(1, BOB, &submit(&blocks[1].certificate), stale);
}

#[test]
fn a_chain_that_certifies_two_blocks_of_a_height_is_frozen() {
    let mut world = World::new();
    world.map(0, 1);
    let unit = world.issue(0, ALICE, 7, chain(1));
    let block = world.certify(0);
    world.call(1, ALICE, &accept(&unit, &block)).unwrap();
    let other = world.statement(0, block.height, B256::repeat_byte(1), block.state.root(), 1);
    // Under quorum it freezes nothing.
    let weak = world.signed(Domain::Certificate, &other, &[0, 1]);
    world.refused(1, BOB, &submit(&weak), abi::UnderQuorum { signed: 2, total: 4 });
    let conflicting = world.signed(Domain::Certificate, &other, &[0, 1, 3]);
    let mut call = abi::acceptCall { certificate: conflicting.clone(), ..accept(&unit, &block) };
    call.proof.height += 1;
    world.refused(1, BOB, &call, abi::ReorganisedSource { chainId: chain(0), height: block.height });
    world.call(1, BOB, &submit(&conflicting)).unwrap();
    assert!(!world.permission(1, ALICE, LOCAL));
    assert!(world.view(1, &abi::originOfCall { chainId: chain(0) }).unwrap().frozen);
    let next = world.certify(0);
    let frozen = abi::OriginIsFrozen { chainId: chain(0) };
    world.refused(1, BOB, &submit(&next.certificate), frozen.clone());
    world.refused(1, BOB, &accept(&unit, &next), frozen);
    let thaw = abi::unfreezeCall { chainId: chain(0) };
    world.refused(1, BOB, &thaw, abi::Unauthorized { caller: BOB });
    world.call(1, GOVERNOR, &thaw).unwrap();
    world.refused(1, GOVERNOR, &thaw, abi::NotFrozen { chainId: chain(0) });
    assert!(world.permission(1, ALICE, LOCAL));
}

#[test]
fn committees_are_made_of_proven_keys() {
    let world = World::new();
    let set = |epoch: u64, members: Vec<abi::Member>| abi::setCommitteeCall { chainId: chain(0), epoch, members };
    let members = world.members();
    world.refused(1, BOB, &set(2, members.clone()), abi::Unauthorized { caller: BOB });
    world.refused(1, GOVERNOR, &set(1, members.clone()), abi::EpochNotLater { epoch: 1, current: 1 });
    world.refused(1, GOVERNOR, &set(2, vec![]), abi::BadCommitteeSize { members: 0, most: 128 });
    let with = |change: &dyn Fn(&mut Vec<abi::Member>)| {
        let mut members = world.members();
        change(&mut members);
        set(2, members)
    };
    let check = |change: &dyn Fn(&mut Vec<abi::Member>), error: Revert| {
        let failure = world.call(1, GOVERNOR, &with(change)).err().unwrap();
        assert_eq!(failure, caldera_sdk::testing::Failure::Reverted(error));
    };
    check(&|members| members[2].weight = 0, abi::NoWeight { member: 2 }.into());
    check(&|members| members[2] = members[0].clone(), abi::DuplicateSigner { member: 2 }.into());
    check(&|members| members[1].key = Bytes::from(vec![1; 47]), abi::BadKey { member: 1 }.into());
    // A rogue key has no possession to show: another's does not do, nor a signature of the key for something else.
    let key = world.secrets[0].public_key();
    check(&|members| members[3].possession = members[0].possession.clone(), abi::BadPossession { member: 3 }.into());
    let other = world.secrets[0].sign(Domain::Certificate, &key);
    check(&|members| members[0].possession = other.into(), abi::BadPossession { member: 0 }.into());
    world.call(1, GOVERNOR, &set(2, members)).unwrap();
    let origin = world.view(1, &abi::originOfCall { chainId: chain(0) }).unwrap();
    assert_eq!((origin.epoch, origin.committeeRoot), (2, world.committee(2).root()));
    let own = abi::setOriginCall { chainId: chain(1), engine: engine(1), maxLag: 1 };
    world.refused(1, GOVERNOR, &own, abi::OwnChain {});
}

#[test]
fn keys_are_proven_ahead() {
    let world = World::new();
    let bare = |mut members: Vec<abi::Member>| {
        members.iter_mut().for_each(|member| member.possession = Bytes::new());
        abi::setCommitteeCall { chainId: chain(0), epoch: 2, members }
    };
    let members = world.members();
    let proof = |member: &abi::Member| abi::KeyProof { key: member.key.clone(), possession: member.possession.clone() };
    world.refused(1, GOVERNOR, &bare(members.clone()), abi::BadPossession { member: 0 });
    let mut proofs: Vec<_> = members.iter().map(proof).collect();
    let rogue = abi::KeyProof { possession: proofs[0].possession.clone(), ..proofs[1].clone() };
    world.refused(
        1,
        BOB,
        &abi::proveKeysCall { proofs: vec![proofs[0].clone(), rogue] },
        abi::BadPossession { member: 1 },
    );
    let short = abi::KeyProof { key: Bytes::from(vec![1; 47]), ..proofs[0].clone() };
    world.refused(1, BOB, &abi::proveKeysCall { proofs: vec![short] }, abi::BadPossession { member: 0 });
    let many = vec![proofs[0].clone(); 129];
    world.refused(1, BOB, &abi::proveKeysCall { proofs: many }, abi::TooMany { most: 128 });
    // A refusal records nothing; by anyone; what is known needs no proof and is not counted again.
    let is_proven = |member: &abi::Member| world.view(1, &abi::isProvenCall { key: member.key.clone() }).unwrap();
    assert!(!is_proven(&members[0]));
    let last = proofs.pop().unwrap();
    assert_eq!(world.call(1, BOB, &abi::proveKeysCall { proofs: proofs.clone() }).unwrap(), U256::from(3));
    assert!(is_proven(&members[0]) && !is_proven(&members[3]));
    world.refused(1, GOVERNOR, &bare(members.clone()), abi::BadPossession { member: 3 });
    let known = abi::KeyProof { possession: Bytes::new(), ..proofs[0].clone() };
    assert_eq!(world.call(1, BOB, &abi::proveKeysCall { proofs: vec![known, last] }).unwrap(), U256::from(1));
    world.call(1, GOVERNOR, &bare(members)).unwrap();
    assert_eq!(world.view(1, &abi::originOfCall { chainId: chain(0) }).unwrap().epoch, 2);
}

#[test]
fn a_committee_names_the_next() {
    let mut world = World::new();
    let old = world.committee(1);
    let (old_secrets, old_block) = (world.secrets.clone(), world.certify(0));
    world.secrets = (11..=14).map(Secret::nth).collect();
    let new: Committee = world.committee(2);
    let message = certificate::handover(chain(0), &old, &new);
    let sign = |domain: Domain, count: usize| {
        let signatures: Vec<_> = old_secrets[..count].iter().map(|secret| secret.sign(domain, &message)).collect();
        abi::handoverCall {
            chainId: chain(0),
            epoch: 2,
            members: world.members(),
            bitmap: vec![(1u8 << count) - 1].into(),
            signature: aggregate(&signatures).into(),
        }
    };
    world.refused(1, BOB, &sign(Domain::Certificate, 3), abi::BadSignature {});
    world.refused(1, BOB, &sign(Domain::Handover, 2), abi::UnderQuorum { signed: 2, total: 4 });
    let sound = sign(Domain::Handover, 3);
    let elsewhere = abi::handoverCall { chainId: chain(2), ..sound.clone() };
    world.refused(1, BOB, &elsewhere, abi::BadSignature {});
    world.call(1, BOB, &sound).unwrap();
    // Not again, and the old one's word is over.
    assert!(world.call(1, BOB, &sound).is_err());
    world.refused(1, BOB, &submit(&old_block.certificate), abi::WrongEpoch { epoch: 1, expected: 2 });
}
