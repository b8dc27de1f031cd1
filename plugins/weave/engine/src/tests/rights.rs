//! Rights across chains: from grant to end, and every refusal on the way.

use caldera_sdk::prelude::*;
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, Rule},
    unit,
};

use super::world::*;

#[test]
fn a_right_counts_elsewhere_until_it_is_gone() {
    let mut world = World::new();
    world.map(0, 1);
    let unit = world.issue(0, ALICE, 7, chain(1));
    // Bound to another chain, it does not count at home.
    assert!(!world.permission(0, ALICE, KEY));
    let block = world.certify(0);
    world.call(1, BOB, &accept(&unit, &block)).unwrap();
    assert!(world.permission(1, ALICE, LOCAL));
    assert!(!world.permission(1, ALICE, KEY) && !world.permission(1, BOB, LOCAL));
    let standing = world.view(1, &abi::standingCall { kind: PERMISSION, owner: ALICE, key: LOCAL }).unwrap();
    assert_eq!((standing.value, standing.expiry), (U256::from(7), 0));
    let place = abi::rightOfCall { origin: chain(0), kind: PERMISSION, owner: ALICE, key: KEY };
    assert_eq!(world.view(1, &place).unwrap().provenHeight, block.height);

    world.call(0, GOVERNOR, &abi::revokeCall { kind: PERMISSION, owner: ALICE, key: KEY }).unwrap();
    let later = world.certify(0);
    world.call(1, BOB, &end(&unit, &later)).unwrap();
    assert!(!world.permission(1, ALICE, LOCAL));
    assert_eq!(world.view(1, &place).unwrap().endedHeight, later.height);
    // What showed it once does not show it again, nor does a certificate of before that is new here.
    let id = unit::id(&unit);
    world.refused(1, ALICE, &accept(&unit, &block), abi::Replay { id, nonce: unit.nonce });
    world.refused(1, ALICE, &end(&unit, &later), abi::AlreadyEnded { id });
    // Granted anew it has a later nonce.
    let anew = world.issue(0, ALICE, 8, chain(1));
    assert!(anew.nonce > unit.nonce && unit::id(&anew) == id);
    let block = world.certify(0);
    world.call(1, BOB, &accept(&anew, &block)).unwrap();
    assert!(world.permission(1, ALICE, LOCAL));
}

#[test]
fn what_a_chain_gives_counts_at_home() {
    let world = World::new();
    let unit = world.issue(0, ALICE, 7, 0);
    assert!(world.permission(0, ALICE, KEY) && !world.permission(0, ALICE, LOCAL));
    world.map(0, 0);
    assert!(world.permission(0, ALICE, LOCAL));
    let rule = Rule { localKey: KEY, maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
    world.rule(0, 0, PERMISSION, KEY, rule);
    let standing = world.view(0, &abi::standingCall { kind: PERMISSION, owner: ALICE, key: KEY }).unwrap();
    assert_eq!(standing.value, U256::from(7), "once, whatever names it");
    assert!(!world.permission(0, ALICE, LOCAL));
    assert_eq!(world.view(0, &abi::unitOfCall { id: unit::id(&unit) }).unwrap(), unit);
}

#[test]
fn rights_of_several_chains_add_up() {
    let mut world = World::new();
    world.map(0, 2);
    world.map(1, 2);
    for n in [0, 1] {
        let unit = world.issue(n, ALICE, 5, chain(2));
        let block = world.certify(n);
        world.call(2, ALICE, &accept(&unit, &block)).unwrap();
    }
    let standing = world.view(2, &abi::standingCall { kind: PERMISSION, owner: ALICE, key: LOCAL }).unwrap();
    assert_eq!(standing.value, U256::from(10));
    let remove = abi::removeRuleCall { origin: chain(0), kind: PERMISSION, key: KEY };
    world.call(2, GOVERNOR, &remove).unwrap();
    let standing = world.view(2, &abi::standingCall { kind: PERMISSION, owner: ALICE, key: LOCAL }).unwrap();
    assert_eq!(standing.value, U256::from(5));
}

#[test]
fn a_unit_is_as_its_origin_has_it() {
    let mut world = World::new();
    world.map(0, 1);
    let unit = world.issue(0, ALICE, 7, chain(1));
    let block = world.certify(0);
    let check = |forged: StateUnit| {
        let call = accept(&forged, &block);
        world.refused(1, ALICE, &call, abi::NotCommitted { id: unit::id(&forged) });
    };
    check(StateUnit { value: U256::from(8), ..unit.clone() });
    check(StateUnit { owner: BOB, ..unit.clone() });
    check(StateUnit { nonce: unit.nonce + 1, ..unit.clone() });
    check(StateUnit { expiry: u64::MAX, ..unit.clone() });
    check(StateUnit { serial: 1, ..unit.clone() });
    check(StateUnit { destination: 0, ..unit.clone() });
    check(StateUnit { issued: 0, ..unit.clone() });
    // A proof of another slot, of nothing, cut off, longer, changed.
    let sound = accept(&unit, &block);
    let with = |change: &dyn Fn(&mut abi::acceptCall)| {
        let mut call = sound.clone();
        change(&mut call);
        call
    };
    let other = block.prove(B256::repeat_byte(9));
    let storage = |reason: &str| abi::BadStorageProof { reason: reason.into() };
    let account = |reason: &str| abi::BadAccountProof { reason: reason.into() };
    let call = with(&|call| call.proof.storageProof = other.storageProof.clone());
    assert!(world.call(1, ALICE, &call).is_err());
    world.refused(1, ALICE, &with(&|call| call.proof.storageProof = Bytes::new()), storage("missing-node"));
    world.refused(1, ALICE, &with(&|call| call.proof.accountProof = Bytes::new()), account("missing-node"));
    let cut = |bytes: &Bytes| Bytes::copy_from_slice(&bytes[..bytes.len() - 1]);
    let call = with(&|call| call.proof.storageProof = cut(&call.proof.storageProof));
    world.refused(1, ALICE, &call, storage("malformed"));
    let flip = |bytes: &Bytes| {
        let mut bytes = bytes.to_vec();
        bytes[5] ^= 1;
        Bytes::from(bytes)
    };
    let call = with(&|call| call.proof.accountProof = flip(&call.proof.accountProof));
    world.refused(1, ALICE, &call, account("wrong-node"));
    world.call(1, ALICE, &sound).unwrap();
}

#[test]
fn each_refusal_of_a_right() {
    let mut world = World::new();
    let unit = world.issue(0, ALICE, 7, chain(1));
    let block = world.certify(0);
    let call = accept(&unit, &block);
    world.refused(1, ALICE, &call, abi::NoRule { origin: chain(0), kind: PERMISSION, key: KEY });
    for to in [1, 2] {
        world.map(0, to);
    }
    // Replayed on a third chain.
    world.refused(2, ALICE, &call, abi::WrongChain { destination: chain(1), chainId: chain(2) });
    let wrong = StateUnit { issuer: BOB, ..unit.clone() };
    let call_of = |unit: &StateUnit| accept(unit, &block);
    world.refused(1, ALICE, &call_of(&wrong), abi::WrongIssuer { issuer: BOB, expected: engine(0) });
    let wrong = StateUnit { version: 2, ..unit.clone() };
    world.refused(1, ALICE, &call_of(&wrong), abi::UnknownVersion { version: 2 });
    let wrong = StateUnit { kind: ASSET, ..unit.clone() };
    world.refused(1, ALICE, &call_of(&wrong), abi::NotIssuable { kind: ASSET });
    let wrong = StateUnit { kind: 9, ..unit.clone() };
    world.refused(1, ALICE, &call_of(&wrong), abi::UnknownKind { kind: 9 });
    let late = StateUnit { issued: block.height + 1, ..unit.clone() };
    world.refused(1, ALICE, &call_of(&late), abi::FutureUnit { issued: block.height + 1, height: block.height });
    let expired = StateUnit { expiry: world.now, ..unit.clone() };
    world.refused(1, ALICE, &call_of(&expired), abi::Expired { expiry: world.now, timestamp: world.now });
    let uncertified = abi::acceptCall { certificate: Bytes::new(), ..call.clone() };
    let none = abi::UncertifiedRoot { chainId: chain(0), height: block.height };
    world.refused(1, ALICE, &uncertified, none);
    world.call(1, ALICE, &call).unwrap();
    let id = unit::id(&unit);
    world.refused(1, ALICE, &call, abi::Duplicate { id, height: block.height });
    world.refused(1, ALICE, &uncertified, abi::Duplicate { id, height: block.height });
    world.refused(1, BOB, &end(&unit, &block), abi::NotLater { height: block.height, known: block.height });
    let later = world.certify(0);
    world.refused(1, BOB, &end(&unit, &later), abi::StillCommitted { id });
    let nobodys = StateUnit { owner: BOB, ..unit.clone() };
    let none = abi::NoRight { origin: chain(0), kind: PERMISSION, owner: BOB, key: KEY };
    world.refused(1, BOB, &end(&nobodys, &later), none);
    // Renewed at home, the old terms end, and the new ones replace them.
    let terms = abi::renewCall {
        kind: PERMISSION,
        owner: ALICE,
        key: KEY,
        value: U256::from(9),
        destination: chain(1),
        expiry: 0,
    };
    world.call(0, GOVERNOR, &terms).unwrap();
    let renewed = world.unit(0, ALICE);
    let block = world.certify(0);
    world.refused(1, ALICE, &accept(&unit, &block), abi::NotCommitted { id });
    world.call(1, ALICE, &accept(&renewed, &block)).unwrap();
    world.refused(1, ALICE, &accept(&unit, &block), abi::Replay { id, nonce: unit.nonce });
}

#[test]
fn rights_expire_and_proofs_grow_stale() {
    let mut world = World::new();
    let rule = Rule { localKey: LOCAL, maxStaleness: 50, expiryCap: 100, cap: U256::ZERO };
    world.rule(0, 1, PERMISSION, KEY, rule);
    let expiry = world.now + 30;
    world.call(0, GOVERNOR, &issue(ALICE, 1, chain(1), expiry)).unwrap();
    let (short, forever) = (world.unit(0, ALICE), world.issue(0, BOB, 1, chain(1)));
    let block = world.certify(0);
    world.call(1, ALICE, &accept(&short, &block)).unwrap();
    world.call(1, ALICE, &accept(&forever, &block)).unwrap();
    world.now = expiry - 1;
    assert!(world.permission(1, ALICE, LOCAL));
    world.now = expiry;
    assert!(!world.permission(1, ALICE, LOCAL) && world.permission(1, BOB, LOCAL));
    // The cap of the rule ends what the unit would not.
    world.now += 70;
    assert!(!world.permission(1, BOB, LOCAL));
    let carol = Address::repeat_byte(0xca);
    let other = world.issue(0, carol, 1, chain(1));
    let block = world.certify(0);
    world.call(1, ALICE, &abi::submitRootsCall { certificates: vec![block.certificate.clone()] }).unwrap();
    world.now += 51;
    world.refused(1, ALICE, &accept(&other, &block), abi::StaleRoot { chainId: chain(0), height: block.height });
}

#[test]
fn who_may_issue_renew_revoke_and_transfer() {
    let world = World::new();
    let deny = |caller: Address| abi::Unauthorized { caller };
    let revoke = |owner: Address| abi::revokeCall { kind: PERMISSION, owner, key: KEY };
    let transfer = |to: Address| abi::transferCall { kind: PERMISSION, key: KEY, to };
    world.refused(0, ALICE, &issue(ALICE, 1, 0, 0), deny(ALICE));
    let unit = world.issue(0, ALICE, 3, 0);
    let id = unit::id(&unit);
    world.refused(0, GOVERNOR, &issue(ALICE, 1, 0, 0), abi::AlreadyIssued { id });
    world.refused(0, GOVERNOR, &issue(BOB, 0, 0, 0), abi::ZeroAmount {});
    world.refused(0, GOVERNOR, &issue(Address::ZERO, 1, 0, 0), abi::ZeroAccount {});
    world.refused(0, GOVERNOR, &issue(BOB, 1, 0, 5), abi::Expired { expiry: 5, timestamp: world.now });
    let asset = abi::issueCall { kind: ASSET, ..issue(BOB, 1, 0, 0) };
    world.refused(0, GOVERNOR, &asset, abi::NotIssuable { kind: ASSET });
    world.refused(0, BOB, &revoke(ALICE), deny(BOB));
    world.refused(0, ALICE, &transfer(BOB), abi::NotTransferable { kind: PERMISSION, key: KEY });
    let set = abi::setIssuerCall { kind: PERMISSION, key: KEY, issuer: BOB, transferable: true };
    world.refused(0, ALICE, &set, deny(ALICE));
    world.call(0, GOVERNOR, &set).unwrap();
    world.refused(0, GOVERNOR, &issue(BOB, 1, 0, 0), deny(GOVERNOR));
    world.call(0, BOB, &issue(BOB, 1, 0, 0)).unwrap();
    world.refused(0, ALICE, &transfer(BOB), abi::AlreadyIssued { id: unit::id(&world.unit(0, BOB)) });
    world.call(0, BOB, &revoke(BOB)).unwrap();
    world.call(0, ALICE, &transfer(BOB)).unwrap();
    assert!(world.permission(0, BOB, KEY) && !world.permission(0, ALICE, KEY));
    let given = world.unit(0, BOB);
    assert_eq!((given.value, given.nonce > unit.nonce), (unit.value, true));
    world.refused(0, BOB, &revoke(ALICE), abi::NotIssued { id });
    // The owner may give up what it has.
    world.call(0, BOB, &revoke(BOB)).unwrap();
}
