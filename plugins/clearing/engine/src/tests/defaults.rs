//! Defaults: through every layer, with tokens and liquidators that do not cooperate.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing::{self as abi, Phase};

use super::{World, both, token::TestToken, world::*};

/// What a defaulter that owes 5,000 dollars has, and what the others have for it, in dollars and BTC.
struct Case {
    margin: u64,
    coins: u64,
    liquidator: u64,
    fund: u64,
}

/// Member 1 owes 5,000 dollars and has an empty purse; 2 and 3 are owed 3,000 and 2,000.
fn run(world: &World, case: &Case) {
    world.register(3);
    world.price(3_000);
    world.margin(1, USD, case.margin * DOLLAR);
    world.margin(1, BTC, case.coins * COIN);
    world.mint(USD, LIQUIDATOR, case.liquidator * DOLLAR);
    world.fund(case.fund * DOLLAR);
    world.submit(&[owes(1, 2, 3_000 * DOLLAR, 1), owes(1, 3, 2_000 * DOLLAR, 2)]).unwrap();
    world.close();
    world.settle();
}

/// The four layers in dollars, and what members 2 and 3 get.
fn check(case: Case, layers: [u64; 4], received: [u64; 2]) {
    both(|world| {
        run(&world, &case);
        let cycle = world.cycle(1);
        assert_eq!((cycle.phase, cycle.defaults), (Phase::Settled, 1));
        let got = [cycle.fromMargin, cycle.fromCollateral, cycle.fromFund, cycle.mutualised];
        assert_eq!(got, layers.map(|dollars| U256::from(dollars * DOLLAR)));
        assert_eq!([2, 3].map(|number| world.purse(USD, member(number)) / DOLLAR), received);
        assert!(world.view(&abi::participantCall { account: member(1) }).suspended);
        let losses = [2, 3].map(|number| world.view(&abi::lossOfCall { cycle: 1, participant: member(number) }));
        assert_eq!(losses[0] + losses[1], cycle.mutualised);
    });
}

#[test]
fn each_layer_in_turn() {
    check(Case { margin: 6_000, coins: 1, liquidator: 9_000, fund: 9_000 }, [5_000, 0, 0, 0], [3_000, 2_000]);
    check(Case { margin: 3_500, coins: 1, liquidator: 9_000, fund: 9_000 }, [3_500, 1_500, 0, 0], [3_000, 2_000]);
    check(Case { margin: 500, coins: 1, liquidator: 9_000, fund: 9_000 }, [500, 3_000, 1_500, 0], [3_000, 2_000]);
    check(Case { margin: 500, coins: 1, liquidator: 9_000, fund: 500 }, [500, 3_000, 500, 1_000], [2_400, 1_600]);
    check(Case { margin: 500, coins: 1, liquidator: 0, fund: 500 }, [500, 0, 500, 4_000], [600, 400]);
    check(Case { margin: 0, coins: 0, liquidator: 0, fund: 0 }, [0, 0, 0, 5_000], [0, 0]);
}

#[test]
fn only_what_is_needed_is_sold_and_the_excess_is_margin() {
    both(|world| {
        world.register(2);
        world.price(3_001);
        world.margin(1, BTC, COIN);
        world.mint(USD, LIQUIDATOR, 9_000 * DOLLAR);
        world.submit(&[owes(1, 2, 1_000 * DOLLAR + 1, 1)]).unwrap();
        world.close();
        world.settle();
        // ceil(1,000.000001 / 3,001 * 10^8) satoshi, and what they fetch above the shortfall.
        let (sold, fetched) = (33_322_226, 1_000_000_002);
        assert_eq!(world.purse(BTC, LIQUIDATOR), sold);
        assert_eq!(world.purse(USD, LIQUIDATOR), 9_000 * DOLLAR - fetched);
        let margin = world.view(&abi::marginOfCall { participant: member(1) });
        let excess = fetched - (1_000 * DOLLAR + 1);
        assert_eq!((margin.settlement, margin.collateral), (U256::from(excess), U256::from(COIN - sold)));
        assert_eq!(world.purse(USD, member(2)), 1_000 * DOLLAR + 1);
    });
}

#[test]
fn the_price_of_the_close_holds() {
    both(|world| {
        world.register(2);
        world.price(3_000);
        world.margin(1, BTC, COIN);
        world.mint(USD, LIQUIDATOR, 9_000 * DOLLAR);
        world.submit(&[owes(1, 2, 3_000 * DOLLAR, 1)]).unwrap();
        world.close();
        world.price(1);
        world.settle();
        assert_eq!(world.cycle(1).fromCollateral, U256::from(3_000 * DOLLAR));
    });
}

#[test]
fn a_suspended_participant_is_out_until_the_governor_reinstates_it() {
    both(|world| {
        run(&world, &Case { margin: 500, coins: 1, liquidator: 0, fund: 0 });
        let refused = world.submit(&[owes(2, 1, 5, 3)]).unwrap_err();
        assert_eq!(refused.error(), Some(abi::ParticipantSuspended { participant: member(1) }));
        let withdraw = abi::withdrawMarginCall { asset: BTC, amount: U256::from(COIN) };
        let refused = world.refused(member(1), &withdraw);
        assert_eq!(refused.error(), Some(abi::ParticipantSuspended { participant: member(1) }));
        world.call(GOVERNOR, &abi::reinstateCall { participant: member(1) }).unwrap();
        world.call(member(1), &withdraw).unwrap();
        world.submit(&[owes(2, 1, 5, 3)]).unwrap();
        world.check();
    });
}

#[test]
fn a_suspended_debtor_of_the_next_cycle_goes_straight_to_the_waterfall() {
    both(|world| {
        world.register(2);
        world.submit(&[owes(1, 2, 10, 1)]).unwrap();
        world.close();
        world.submit(&[owes(1, 2, 20, 2)]).unwrap();
        world.settle();
        // It has money again, and is in default all the same.
        world.mint(USD, member(1), 1_000);
        world.close();
        world.settle();
        assert_eq!((world.cycle(2).defaults, world.cycle(2).mutualised), (1, U256::from(20)));
        assert_eq!(world.purse(USD, member(1)), 1_000);
    });
}

#[test]
fn a_creditor_that_the_token_refuses_finds_its_money_in_its_margin() {
    both(|world| {
        world.register(3);
        world.mint(USD, member(1), 1_000);
        world.refuse(USD, member(2), true);
        world.submit(&[owes(1, 2, 10, 1), owes(1, 3, 5, 2)]).unwrap();
        world.close();
        world.settle();
        assert_eq!(world.view(&abi::marginOfCall { participant: member(2) }).settlement, U256::from(10));
        assert_eq!(world.purse(USD, member(3)), 5);
        let held: Vec<bool> = world.host.events::<abi::Paid>().iter().map(|paid| paid.toMargin).collect();
        assert_eq!(held, [true, false]);
    });
}

#[test]
fn a_buyer_that_the_token_refuses_fetches_its_collateral_later() {
    both(|world| {
        world.refuse(BTC, LIQUIDATOR, true);
        run(&world, &Case { margin: 2_000, coins: 2, liquidator: 9_000, fund: 0 });
        assert_eq!(world.purse(BTC, LIQUIDATOR), 0);
        assert_eq!(world.view(&abi::claimableCall { account: LIQUIDATOR }), U256::from(COIN));
        assert!(world.call(LIQUIDATOR, &abi::claimCollateralCall {}).is_err());
        world.refuse(BTC, LIQUIDATOR, false);
        world.call(LIQUIDATOR, &abi::claimCollateralCall {}).unwrap();
        assert_eq!(world.purse(BTC, LIQUIDATOR), COIN);
        let nothing = world.refused(LIQUIDATOR, &abi::claimCollateralCall {});
        assert_eq!(nothing.error(), Some(abi::NothingToClaim { account: LIQUIDATOR }));
        world.check();
    });
}

#[test]
fn a_token_that_calls_back_is_refused() {
    both(|world| {
        world.register(2);
        world.mint(USD, member(1), 1_000);
        world.submit(&[owes(1, 2, 10, 1)]).unwrap();
        world.host.call(GOVERNOR, USD, &TestToken::callBackCall { target: ENGINE }).unwrap();
        world.close();
        world.settle();
        // Its transfers fail because `work` refuses the nested call, so the debtor counts as one that did not pay.
        let cycle = world.cycle(1);
        assert_eq!((cycle.collected, cycle.mutualised), (U256::ZERO, U256::from(10)));
    });
}
