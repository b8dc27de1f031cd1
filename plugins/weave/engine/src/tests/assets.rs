//! Assets between chains: there and back, and every refusal.

use caldera_sdk::prelude::*;
use weave_rules::{
    StateUnit,
    abi::{
        IERC20,
        Weave::{self as abi, Rule},
    },
    unit::{self, asset_id},
};

use super::world::*;

const TOKEN: Address = Address::repeat_byte(0x70);

pub fn lock(token: Address, amount: u64, to: usize, recipient: Address) -> abi::lockCall {
    abi::lockCall { token, amount: U256::from(amount), destination: chain(to), recipient }
}

pub fn burn(asset: B256, amount: u64, recipient: Address) -> abi::burnCall {
    abi::burnCall { asset, amount: U256::from(amount), recipient }
}

pub fn mint(unit: &StateUnit, block: &Certified) -> abi::mintCall {
    let (proof, certificate) = (block.prove(unit::id(unit)), block.certificate.clone());
    abi::mintCall { unit: unit.clone(), proof, certificate }
}

pub fn unlock(unit: &StateUnit, block: &Certified) -> abi::unlockCall {
    let (proof, certificate) = (block.prove(unit::id(unit)), block.certificate.clone());
    abi::unlockCall { unit: unit.clone(), proof, certificate }
}

pub fn wei() -> B256 {
    asset_id(chain(0), Address::ZERO)
}

fn rule(cap: u64) -> Rule {
    Rule { localKey: wei(), maxStaleness: 0, expiryCap: 0, cap: U256::from(cap) }
}

/// Chain 0's wei may go to chain 1.
fn world(cap: u64) -> World {
    let world = World::new();
    world.rule(0, 1, ASSET, wei(), rule(cap));
    world.host.set_balance(ALICE, U256::from(1_000));
    world
}

fn crossing(world: &World, n: usize, id: B256) -> StateUnit {
    world.view(n, &abi::unitOfCall { id }).unwrap()
}

#[test]
fn there_and_back() {
    let mut world = world(0);
    let id = world.pay(0, ALICE, 600, &lock(Address::ZERO, 600, 1, BOB)).unwrap();
    let locked = |world: &World| world.view(0, &abi::lockedForCall { destination: chain(1), asset: wei() }).unwrap();
    assert_eq!((world.host.balance(engine(0)), locked(&world)), (U256::from(600), U256::from(600)));
    let (unit, block) = (crossing(&world, 0, id), world.certify(0));
    world.call(1, ALICE, &mint(&unit, &block)).unwrap();
    let balance = |world: &World, owner: Address| -> u64 {
        world.view(1, &abi::balanceOfCall { owner, asset: wei() }).unwrap().to()
    };
    assert_eq!(balance(&world, BOB), 600);
    world.refused(1, ALICE, &mint(&unit, &block), abi::AlreadyMinted { id });
    let give = abi::transferAssetCall { asset: wei(), to: ALICE, amount: U256::from(200) };
    world.call(1, BOB, &give).unwrap();
    let too_much = abi::InsufficientBalance { asset: wei(), balance: U256::from(400), amount: U256::from(401) };
    world.refused(1, BOB, &burn(wei(), 401, BOB), too_much);
    let id = world.call(1, BOB, &burn(wei(), 400, BOB)).unwrap();
    let (unit, block) = (crossing(&world, 1, id), world.certify(1));
    assert_eq!((balance(&world, BOB), balance(&world, ALICE)), (0, 200));
    world.call(0, ALICE, &unlock(&unit, &block)).unwrap();
    assert_eq!((world.host.balance(BOB), locked(&world)), (U256::from(400), U256::from(200)));
    world.refused(0, BOB, &unlock(&unit, &block), abi::AlreadyUnlocked { id });
    let later = world.certify(1);
    world.refused(0, BOB, &unlock(&unit, &later), abi::AlreadyUnlocked { id });
}

#[test]
fn no_more_comes_out_than_went_in() {
    let mut world = world(500);
    let id = world.pay(0, ALICE, 400, &lock(Address::ZERO, 400, 1, BOB)).unwrap();
    let unit = crossing(&world, 0, id);
    let second = world.pay(0, ALICE, 200, &lock(Address::ZERO, 200, 1, BOB)).unwrap();
    let (second, block) = (crossing(&world, 0, second), world.certify(0));
    // More than was locked is not what the origin committed to.
    let more = StateUnit { value: U256::from(401), ..unit.clone() };
    world.refused(1, BOB, &mint(&more, &block), abi::NotCommitted { id });
    // Without a rule, on another chain, to everywhere.
    world.refused(2, BOB, &mint(&unit, &block), abi::WrongChain { destination: chain(1), chainId: chain(2) });
    let everywhere = StateUnit { destination: 0, ..unit.clone() };
    world.refused(2, BOB, &mint(&everywhere, &block), abi::WrongChain { destination: 0, chainId: chain(2) });
    let moved = StateUnit { destination: chain(2), ..unit.clone() };
    world.refused(2, BOB, &mint(&moved, &block), abi::NoRule { origin: chain(0), kind: ASSET, key: wei() });
    world.call(1, BOB, &mint(&unit, &block)).unwrap();
    let over =
        abi::CapExceeded { asset: wei(), minted: U256::from(400), amount: U256::from(200), cap: U256::from(500) };
    world.refused(1, BOB, &mint(&second, &block), over);
    // A chain that lies about what was burnt there: its engine says more than ever came.
    let lie =
        StateUnit { origin: chain(2), issuer: engine(2), destination: chain(0), value: U256::from(1), ..unit.clone() };
    let at = [&[4], b"unit".as_slice(), unit::id(&lie).as_slice()].concat();
    world.host.within(engine(2), || write_raw(&at, &unit::commitment(&lie))).unwrap();
    let block = world.certify(2);
    let beyond = abi::BeyondLocked { asset: wei(), chainId: chain(2), locked: U256::ZERO, amount: U256::ONE };
    world.refused(0, BOB, &unlock(&lie, &block), beyond);
    let unknown = asset_id(chain(0), TOKEN);
    let lie = StateUnit { key: unknown, ..lie };
    world.refused(0, BOB, &unlock(&lie, &block), abi::UnknownAsset { asset: unknown });
}

/// Writes a commitment where the engine would.
fn write_raw(key: &[u8], commitment: &[u8; 31]) {
    let id = B256::from_slice(&key[5..]);
    let mut store = crate::store::Store::default();
    store.commitments.set(&id, commitment);
}

#[test]
fn each_refusal_of_a_crossing() {
    let world = world(0);
    let check = |call: abi::lockCall, error: Revert| {
        let failure = world.pay(0, ALICE, 5, &call).unwrap_err();
        assert_eq!(failure, caldera_sdk::testing::Failure::Reverted(error));
    };
    check(lock(Address::ZERO, 6, 1, BOB), abi::WrongValue { sent: U256::from(5), amount: U256::from(6) }.into());
    check(lock(TOKEN, 5, 1, BOB), abi::WrongValue { sent: U256::from(5), amount: U256::ZERO }.into());
    check(lock(Address::ZERO, 0, 1, BOB), abi::ZeroAmount {}.into());
    check(lock(Address::ZERO, 5, 1, Address::ZERO), abi::ZeroAccount {}.into());
    check(lock(Address::ZERO, 5, 0, BOB), abi::WrongChain { destination: chain(0), chainId: chain(0) }.into());
    check(lock(Address::ZERO, 5, 9, BOB), abi::UnknownOrigin { chainId: chain(9) }.into());
    world.refused(1, BOB, &burn(B256::ZERO, 1, BOB), abi::UnknownAsset { asset: B256::ZERO });
    let other = Rule { localKey: LOCAL, ..rule(0) };
    let set = abi::setRuleCall { origin: chain(0), kind: ASSET, key: wei(), rule: other };
    world.refused(1, GOVERNOR, &set, abi::WrongLocalKey { asset: wei() });
    let set = abi::setRuleCall { origin: chain(2), kind: ASSET, key: wei(), rule: rule(0) };
    world.refused(1, GOVERNOR, &set, abi::AssetHasOtherHome { asset: wei(), home: chain(0) });
}

#[test]
fn tokens_move_what_they_are_told_to() {
    let world = World::new();
    let asset = asset_id(chain(0), TOKEN);
    let moves = |moved: u64, answer: bool| {
        let held = std::rc::Rc::new(std::cell::Cell::new(0));
        let holds = held.clone();
        world.host.mock(TOKEN, move |_, _: IERC20::balanceOfCall| Ok(U256::from(holds.get())));
        world.host.mock(TOKEN, move |_, _: IERC20::transferFromCall| {
            held.set(held.get() + moved);
            Ok(answer)
        });
    };
    moves(9, true);
    let differs = abi::TokenAmountDiffers { token: TOKEN, moved: U256::from(9), amount: U256::from(10) };
    world.refused(0, ALICE, &lock(TOKEN, 10, 1, BOB), differs);
    moves(10, false);
    world.refused(0, ALICE, &lock(TOKEN, 10, 1, BOB), abi::TokenRefused { token: TOKEN });
    moves(10, true);
    world.call(0, ALICE, &lock(TOKEN, 10, 1, BOB)).unwrap();
    let locked = abi::lockedForCall { destination: chain(1), asset };
    assert_eq!(world.view(0, &locked).unwrap(), U256::from(10));
}
