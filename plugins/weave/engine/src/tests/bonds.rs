//! Bonds, and the evidence that slashes them.

use caldera_sdk::{prelude::*, verify::Domain};
use weave_rules::abi::Weave as abi;

use super::world::*;

/// A member's vote for a statement.
fn vote(world: &World, statement: &[u8], member: usize) -> Vec<u8> {
    let signature = world.secrets[member].sign(Domain::Certificate, statement);
    [statement, &(member as u16).to_be_bytes(), &signature].concat()
}

fn report(evidence: Vec<u8>) -> abi::submitEvidenceCall {
    abi::submitEvidenceCall { evidence: evidence.into() }
}

/// Chain 1 with a bond of 1,000 wei for each validator.
fn world() -> World {
    let world = World::new();
    for n in 0..4 {
        world.host.set_balance(owner(n), U256::from(1_000));
        world.pay(1, owner(n), 1_000, &abi::bondCall {}).unwrap();
    }
    world
}

fn bond_of(world: &World, n: usize) -> u64 {
    world.view(1, &abi::bondOfCall { owner: owner(n) }).unwrap().amount.to()
}

#[test]
fn who_signs_two_blocks_of_a_height_loses_its_bond() {
    let world = world();
    let [one, two] = [1, 2].map(|n| world.statement(0, 7, B256::repeat_byte(n), B256::ZERO, 1));
    let evidence = [&[1], vote(&world, &one, 2).as_slice(), &vote(&world, &two, 2)].concat();
    let refused = |evidence: Vec<u8>, error: Revert| {
        let failure = world.call(1, BOB, &report(evidence)).err().unwrap();
        assert_eq!(failure, caldera_sdk::testing::Failure::Reverted(error));
    };
    refused([&[1], vote(&world, &one, 2).as_slice(), &vote(&world, &one, 2)].concat(), abi::NoContradiction {}.into());
    refused(
        [&[1], vote(&world, &one, 2).as_slice(), &vote(&world, &two, 1)].concat(),
        abi::MalformedCertificate {}.into(),
    );
    refused([&[3], &evidence[1..]].concat(), abi::MalformedCertificate {}.into());
    refused(evidence[..evidence.len() - 1].to_vec(), abi::MalformedCertificate {}.into());
    let mut framed = evidence.clone();
    // Another member's place in both votes: the signatures are not its.
    for at in [1 + 121 + 1, 1 + 219 + 121 + 1] {
        framed[at] = 0;
    }
    refused(framed, abi::BadSignature {}.into());
    let later = world.statement(0, 8, B256::repeat_byte(2), B256::ZERO, 1);
    refused(
        [&[1], vote(&world, &one, 2).as_slice(), &vote(&world, &later, 2)].concat(),
        abi::NoContradiction {}.into(),
    );

    world.call(1, BOB, &report(evidence.clone())).unwrap();
    assert_eq!([0, 1, 2, 3].map(|n| bond_of(&world, n)), [1_000, 1_000, 0, 1_000]);
    assert_eq!(world.host.balance(BOB), U256::from(100), "a tenth is the reporter's");
    world.refused(1, BOB, &report(evidence), abi::AlreadyPunished {});
    let other = world.statement(0, 9, B256::repeat_byte(1), B256::ZERO, 1);
    let third = world.statement(0, 9, B256::repeat_byte(2), B256::ZERO, 1);
    let again = [&[1], vote(&world, &other, 2).as_slice(), &vote(&world, &third, 2)].concat();
    world.refused(1, BOB, &report(again), abi::NoBond { owner: owner(2) });
}

#[test]
fn who_signs_another_root_than_the_quorum_loses_its_bond() {
    let world = world();
    let right = world.statement(0, 7, B256::repeat_byte(1), B256::ZERO, 1);
    let wrong = world.statement(0, 7, B256::repeat_byte(1), B256::repeat_byte(9), 1);
    let weak = world.signed(Domain::Certificate, &right, &[0, 1]);
    let quorum = world.signed(Domain::Certificate, &right, &[0, 1, 2]);
    let evidence = |certificate: &Bytes| [&[2], vote(&world, &wrong, 3).as_slice(), certificate].concat();
    world.refused(1, BOB, &report(evidence(&weak)), abi::UnderQuorum { signed: 2, total: 4 });
    world.call(1, BOB, &report(evidence(&quorum))).unwrap();
    assert_eq!(bond_of(&world, 3), 0);
}

#[test]
fn a_bond_leaves_after_it_waited_and_is_slashed_meanwhile() {
    let mut world = world();
    world.refused(1, BOB, &abi::unbondCall {}, abi::NoBond { owner: BOB });
    world.refused(1, owner(0), &abi::withdrawBondCall {}, abi::NotUnbonding { owner: owner(0) });
    for n in [0, 1] {
        world.call(1, owner(n), &abi::unbondCall {}).unwrap();
    }
    let at = world.now + 100;
    world.refused(1, owner(0), &abi::withdrawBondCall {}, abi::StillBonded { withdrawableAt: at });
    let [one, two] = [1, 2].map(|n| world.statement(0, 7, B256::repeat_byte(n), B256::ZERO, 1));
    let evidence = [&[1], vote(&world, &one, 1).as_slice(), &vote(&world, &two, 1)].concat();
    world.call(1, BOB, &report(evidence)).unwrap();
    world.now = at;
    world.call(1, owner(0), &abi::withdrawBondCall {}).unwrap();
    assert_eq!(world.host.balance(owner(0)), U256::from(1_000));
    world.refused(1, owner(1), &abi::withdrawBondCall {}, abi::NoBond { owner: owner(1) });
}
