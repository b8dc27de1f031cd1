//! Votes at a snapshot: what counts once and what does not.

use caldera_sdk::prelude::*;
use weave_rules::abi::Weave as abi;

use super::world::*;

/// The Governor contract of chain 1.
const PINNER: Address = Address::repeat_byte(0x60);
const PROPOSAL: B256 = B256::repeat_byte(0x99);

fn pin(world: &World, n: usize, origins: &[usize]) {
    let origins = origins.iter().map(|origin| chain(*origin)).collect();
    world.call(n, PINNER, &abi::pinSnapshotCall { proposal: PROPOSAL, origins }).unwrap();
}

fn votes(world: &World, n: usize, owner: Address) -> u64 {
    let call = abi::votesCall { pinner: PINNER, proposal: PROPOSAL, owner, key: LOCAL };
    world.view(n, &call).unwrap().to()
}

fn know(world: &World, n: usize, block: &Certified) {
    let call = abi::submitRootsCall { certificates: vec![block.certificate.clone()] };
    world.call(n, BOB, &call).unwrap();
}

/// Chains 1 and 2 believe chain 0, whose permission is transferable.
fn world() -> World {
    let world = World::new();
    for to in [1, 2] {
        world.map(0, to);
    }
    let set = abi::setIssuerCall { kind: PERMISSION, key: KEY, issuer: GOVERNOR, transferable: true };
    world.call(0, GOVERNOR, &set).unwrap();
    world
}

#[test]
fn a_unit_of_before_counts_once_it_is_proven_after() {
    let mut world = world();
    let unit = world.issue(0, ALICE, 5, chain(1));
    let before = world.certify(0);
    world.call(1, ALICE, &accept(&unit, &before)).unwrap();
    let snapshot = world.certify(0);
    know(&world, 1, &snapshot);
    pin(&world, 1, &[0]);
    assert_eq!(votes(&world, 1, ALICE), 0, "it might have been moved before the snapshot");
    let again = accept(&unit, &snapshot);
    world.call(1, ALICE, &again).unwrap();
    assert_eq!(votes(&world, 1, ALICE), 5);
    // Issued after it: nothing. The right is there all the same.
    let late = world.issue(0, BOB, 9, chain(1));
    let after = world.certify(0);
    world.call(1, ALICE, &accept(&late, &after)).unwrap();
    assert!(world.permission(1, BOB, LOCAL));
    assert_eq!(votes(&world, 1, BOB), 0);
    let call = abi::pinSnapshotCall { proposal: PROPOSAL, origins: vec![chain(0)] };
    world.refused(1, PINNER, &call, abi::AlreadyPinned { proposal: PROPOSAL });
    let none = abi::votesCall { pinner: BOB, proposal: PROPOSAL, owner: ALICE, key: LOCAL };
    world.refused(1, BOB, &none, abi::NotPinned { pinner: BOB, proposal: PROPOSAL });
    let pinned = world.view(1, &abi::snapshotOfCall { pinner: PINNER, proposal: PROPOSAL }).unwrap();
    assert_eq!((pinned.origins, pinned.heights), (vec![chain(0)], vec![snapshot.height]));
}

#[test]
fn what_is_transferred_votes_for_nobody_twice() {
    let mut world = world();
    let unit = world.issue(0, ALICE, 5, chain(1));
    let early = world.certify(0);
    world.call(1, ALICE, &accept(&unit, &early)).unwrap();
    // Transferred before the snapshot: the new owner votes, the old one cannot prove it at the snapshot.
    world.call(0, ALICE, &abi::transferCall { kind: PERMISSION, key: KEY, to: BOB }).unwrap();
    let bobs = world.unit(0, BOB);
    let snapshot = world.certify(0);
    know(&world, 1, &snapshot);
    pin(&world, 1, &[0, 0]);
    world.call(1, BOB, &accept(&bobs, &snapshot)).unwrap();
    assert!(world.call(1, ALICE, &accept(&unit, &snapshot)).is_err());
    assert_eq!((votes(&world, 1, ALICE), votes(&world, 1, BOB)), (0, 5));
    // Transferred after it: what Bob gave away does not vote again.
    let carol = Address::repeat_byte(0xca);
    world.call(0, BOB, &abi::transferCall { kind: PERMISSION, key: KEY, to: carol }).unwrap();
    let (carols, later) = (world.unit(0, carol), world.certify(0));
    world.call(1, carol, &accept(&carols, &later)).unwrap();
    assert_eq!((votes(&world, 1, BOB), votes(&world, 1, carol)), (5, 0));
}

#[test]
fn a_unit_votes_on_one_chain() {
    let mut world = world();
    let unit = world.issue(0, ALICE, 5, chain(1));
    // One that counts everywhere votes nowhere.
    let everywhere = world.issue(0, BOB, 5, 0);
    let snapshot = world.certify(0);
    for n in [1, 2] {
        know(&world, n, &snapshot);
        pin(&world, n, &[0]);
        world.call(n, BOB, &accept(&everywhere, &snapshot)).unwrap();
        assert!(world.permission(n, BOB, LOCAL));
        assert_eq!(votes(&world, n, BOB), 0);
    }
    world.call(1, ALICE, &accept(&unit, &snapshot)).unwrap();
    let elsewhere = abi::WrongChain { destination: chain(1), chainId: chain(2) };
    world.refused(2, ALICE, &accept(&unit, &snapshot), elsewhere);
    // Redirected after the snapshot it is too late for the other chain.
    let renew = abi::renewCall {
        kind: PERMISSION,
        owner: ALICE,
        key: KEY,
        value: U256::from(5),
        destination: chain(2),
        expiry: 0,
    };
    world.call(0, GOVERNOR, &renew).unwrap();
    let (redirected, later) = (world.unit(0, ALICE), world.certify(0));
    world.call(2, ALICE, &accept(&redirected, &later)).unwrap();
    assert_eq!((votes(&world, 1, ALICE), votes(&world, 2, ALICE)), (5, 0));
}

#[test]
fn a_chains_own_units_vote_at_home() {
    let mut world = world();
    world.map(1, 1);
    world.issue(1, ALICE, 4, chain(1));
    world.next_block(1);
    pin(&world, 1, &[1]);
    world.issue(1, BOB, 4, chain(1));
    assert_eq!((votes(&world, 1, ALICE), votes(&world, 1, BOB)), (4, 0));
}
