//! Margin: values, calls, cures and withdrawals.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing as abi;

use super::{World, both, world::*};

/// Members 1 to 3; 1 has one BTC of margin and owes 2 twenty thousand dollars, so it needs 2,000 dollars of margin.
fn exposed(world: &World) {
    world.register(3);
    world.price(8_000);
    world.margin(1, BTC, COIN);
    world.mint(USD, member(1), 20_000 * DOLLAR);
    world.submit(&[owes(1, 2, 20_000 * DOLLAR, 1)]).unwrap();
}

fn call_margin(world: &World, number: u32) {
    world.call(member(3), &abi::callMarginCall { participants: vec![member(number)] }).unwrap();
}

fn deadline(world: &World, number: u32) -> u64 {
    world.view(&abi::participantCall { account: member(number) }).callDeadline
}

#[test]
fn value_and_requirement() {
    both(|world| {
        exposed(&world);
        world.margin(1, USD, 5);
        let (participant, dollars) = (member(1), |dollars| U256::from(dollars * DOLLAR));
        assert_eq!(world.view(&abi::marginValueCall { participant }), dollars(6_400) + U256::from(5));
        assert_eq!(world.view(&abi::requirementCall { participant }), dollars(2_000));
        assert_eq!(world.view(&abi::requirementCall { participant: member(2) }), U256::ZERO);
        world.price(0);
        assert_eq!(world.view(&abi::marginValueCall { participant }), U256::from(5));
    });
}

#[test]
fn only_what_is_not_needed_can_be_withdrawn() {
    both(|world| {
        exposed(&world);
        let withdraw = |sats: u64| abi::withdrawMarginCall { asset: BTC, amount: U256::from(sats) };
        let refused = |sats| world.refused(member(1), &withdraw(sats));
        // 2,000 dollars at 8,000 less a fifth is 0.3125 BTC.
        let needed = refused(COIN - 31_249_999).error::<abi::MarginNeeded>().unwrap();
        assert_eq!(needed.requirement, U256::from(2_000 * DOLLAR));
        assert!(needed.value < needed.requirement);
        world.call(member(1), &withdraw(COIN - 31_250_000)).unwrap();
        let have = U256::from(31_250_000);
        let asked = U256::from(COIN);
        assert_eq!(refused(COIN).error(), Some(abi::InsufficientMargin { asset: BTC, have, asked }));
        world.check();
        world.close();
        assert_eq!(refused(1).error(), Some(abi::CycleIsClosing { cycle: 1 }));
        world.settle();
        world.call(member(1), &withdraw(31_250_000)).unwrap();
        assert_eq!(world.purse(BTC, member(1)), COIN);
        world.check();
    });
}

#[test]
fn a_call_is_cured_by_margin_in_time() {
    both(|world| {
        exposed(&world);
        call_margin(&world, 1);
        assert_eq!(deadline(&world, 1), 0, "nothing to call for");
        world.price(2_000);
        call_margin(&world, 1);
        let called = world.host.events::<abi::MarginCalled>();
        assert_eq!(called[0].value, U256::from(1_600 * DOLLAR));
        assert_eq!(deadline(&world, 1), world.host.block().number + 3);
        world.margin(1, USD, 399 * DOLLAR);
        assert_ne!(deadline(&world, 1), 0, "a dollar short");
        (0..3).for_each(|_| world.block());
        world.margin(1, USD, DOLLAR);
        assert_eq!(deadline(&world, 1), 0);
        world.close();
        world.settle();
        assert_eq!(world.cycle(1).defaults, 0);
    });
}

#[test]
fn a_call_is_cured_by_the_price_when_somebody_looks() {
    both(|world| {
        exposed(&world);
        world.price(2_000);
        call_margin(&world, 1);
        world.price(2_500);
        call_margin(&world, 1);
        assert_eq!(deadline(&world, 1), 0);
        assert_eq!(world.host.events::<abi::MarginCured>().len(), 1);
    });
}

#[test]
fn an_uncured_call_is_a_default_at_the_close() {
    both(|world| {
        exposed(&world);
        world.price(2_000);
        call_margin(&world, 1);
        (0..4).for_each(|_| world.block());
        // Too late: after the deadline margin is taken and the call stays open.
        world.margin(1, USD, 1_000 * DOLLAR);
        assert_ne!(deadline(&world, 1), 0);
        world.mint(USD, LIQUIDATOR, 50_000 * DOLLAR);
        world.close();
        world.settle();
        let cycle = world.cycle(1);
        assert_eq!((cycle.defaults, cycle.collected), (1, U256::ZERO), "it could pay, and is in default");
        let layers = [cycle.fromMargin, cycle.fromCollateral, cycle.mutualised];
        assert_eq!(layers, [1_000, 2_000, 17_000].map(|dollars: u64| U256::from(dollars * DOLLAR)));
        let losses = world.host.events::<abi::LossShared>();
        assert_eq!(losses, [abi::LossShared { cycle: 1, creditor: member(2), amount: cycle.mutualised }]);
    });
}

#[test]
fn a_call_within_its_deadline_is_no_default() {
    both(|world| {
        exposed(&world);
        world.price(2_000);
        call_margin(&world, 1);
        (0..3).for_each(|_| world.block());
        world.close();
        world.settle();
        assert_eq!(world.cycle(1).defaults, 0);
    });
}

#[test]
fn a_called_participant_that_owes_nothing_is_suspended_at_the_close() {
    both(|world| {
        exposed(&world);
        world.price(2_000);
        call_margin(&world, 1);
        // By now it is owed as much as it owes.
        world.submit(&[owes(2, 1, 20_000 * DOLLAR, 2), owes(3, 2, 1, 3)]).unwrap();
        world.mint(USD, member(3), 1);
        (0..4).for_each(|_| world.block());
        world.close();
        world.settle();
        assert_eq!(world.cycle(1).defaults, 0);
        assert!(world.view(&abi::participantCall { account: member(1) }).suspended);
    });
}
