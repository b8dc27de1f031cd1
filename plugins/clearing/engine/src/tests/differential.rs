//! The same random business under version 1, under version 2, and with a swap somewhere, up or down, ends the same.

use std::collections::BTreeMap;

use caldera_sdk::{prelude::*, testing::Failure};
use clearing_rules::abi::Clearing::{self as abi, Cycle};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::{World, world::*};
use crate::{Deferred, Incremental};

const MEMBERS: u32 = 7;

/// What happens, in order.
#[derive(Clone, Debug)]
enum Act {
    Submit(Vec<(u32, u32, u64)>),
    Price(u64),
    Close,
    Block,
}

#[derive(Clone, Debug)]
struct Business {
    /// Purse, margin in dollars and margin in satoshi of each member.
    means: Vec<(u64, u64, u64)>,
    fund: u64,
    liquidator: u64,
    acts: Vec<Act>,
    /// Before which act the swap happens.
    swap_at: usize,
}

/// Everything that can be told from outside.
#[derive(Debug, PartialEq)]
struct Outcome {
    cycles: Vec<Cycle>,
    purses: BTreeMap<u32, [U256; 4]>,
    losses: Vec<U256>,
    suspended: Vec<bool>,
    refusals: Vec<Vec<u8>>,
}

fn act() -> impl Strategy<Value = Act> {
    let obligation = (1..=MEMBERS, 1..=MEMBERS, 1u64..2_000_000);
    prop_oneof![
        4 => prop::collection::vec(obligation, 1..30).prop_map(Act::Submit),
        1 => (1u64..20_000).prop_map(Act::Price),
        1 => Just(Act::Close),
        2 => Just(Act::Block),
    ]
}

fn business() -> impl Strategy<Value = Business> {
    let means = (0u64..4_000_000, 0u64..1_000_000, 0u64..20_000);
    (
        prop::collection::vec(means, MEMBERS as usize),
        0u64..1_000_000,
        0u64..2_000_000,
        prop::collection::vec(act(), 1..12),
        0usize..12,
    )
        .prop_map(|(means, fund, liquidator, acts, swap_at)| Business { means, fund, liquidator, acts, swap_at })
}

fn run(mut world: World, business: &Business, swap: Option<fn(&mut World)>) -> Outcome {
    world.register(MEMBERS);
    world.price(8_000);
    for (number, &(purse, dollars, sats)) in (1..).zip(&business.means) {
        world.margin(number, USD, dollars);
        world.margin(number, BTC, sats);
        world.mint(USD, member(number), purse);
    }
    world.fund(business.fund);
    world.mint(USD, LIQUIDATOR, business.liquidator);
    let (mut reference, mut refusals) = (0, Vec::new());
    for (index, act) in business.acts.iter().enumerate() {
        if let Some(swap) = swap.filter(|_| index == business.swap_at) {
            swap(&mut world);
            world.check();
        }
        match act {
            Act::Submit(obligations) => {
                let obligations: Vec<_> = obligations
                    .iter()
                    .filter(|(debtor, creditor, _)| debtor != creditor)
                    .map(|&(debtor, creditor, amount)| {
                        reference += 1;
                        owes(debtor, creditor, amount, reference)
                    })
                    .collect();
                keep(&mut refusals, world.submit(&obligations));
            }
            Act::Price(dollars) => world.price(*dollars),
            Act::Close => keep(&mut refusals, world.call(OPERATOR, &abi::closeCycleCall {}).map(drop)),
            // How many blocks a close takes differs between the versions; where it ends must not.
            Act::Block => drop(world.settle()),
        }
        world.check();
    }
    world.settle();
    if world.call(OPERATOR, &abi::closeCycleCall {}).is_ok() {
        world.settle();
    }
    outcome(&world, refusals)
}

fn keep(refusals: &mut Vec<Vec<u8>>, result: Result<(), Failure>) {
    match result {
        Ok(()) => {}
        Err(Failure::Reverted(revert)) => refusals.push(revert.into_data()),
        Err(Failure::Halted(reason)) => panic!("{reason}"),
    }
}

fn outcome(world: &World, refusals: Vec<Vec<u8>>) -> Outcome {
    let open = world.view(&abi::currentCycleCall {}).open;
    let cycles: Vec<Cycle> = (1..open).map(|id| world.cycle(id)).map(|cycle| Cycle { closedAt: 0, ..cycle }).collect();
    let purses = (1..=MEMBERS).map(|number| {
        let participant = member(number);
        let margin = world.view(&abi::marginOfCall { participant });
        let purse = [USD, BTC].map(|token| U256::from(world.purse(token, participant)));
        (number, [purse[0], purse[1], margin.settlement, margin.collateral])
    });
    let ids = (1..open).flat_map(|cycle| (1..=MEMBERS).map(move |number| (cycle, member(number))));
    let losses = ids.map(|(cycle, participant)| world.view(&abi::lossOfCall { cycle, participant })).collect();
    let standing = |number| world.view(&abi::participantCall { account: member(number) }).suspended;
    Outcome { cycles, purses: purses.collect(), losses, suspended: (1..=MEMBERS).map(standing).collect(), refusals }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn versions_agree(business in business()) {
        let first = run(World::new::<Deferred>(), &business, None);
        let second = run(World::new::<Incremental>(), &business, None);
        let up = run(World::new::<Deferred>(), &business, Some(|world| drop(world.swap::<Deferred, Incremental>().unwrap())));
        let down = run(World::new::<Incremental>(), &business, Some(|world| drop(world.swap::<Incremental, Deferred>().unwrap())));
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(&first, &up);
        prop_assert_eq!(&first, &down);
    }
}

/// The comparison says something only if the random business gets to every layer of the waterfall.
#[test]
fn the_business_reaches_every_layer() {
    let mut runner = TestRunner::deterministic();
    let mut reached = [0; 5];
    for _ in 0..100 {
        let business = business().new_tree(&mut runner).unwrap().current();
        for cycle in run(World::new::<Incremental>(), &business, None).cycles {
            let layers = [cycle.collected, cycle.fromMargin, cycle.fromCollateral, cycle.fromFund, cycle.mutualised];
            reached.iter_mut().zip(layers).for_each(|(count, amount)| *count += u32::from(!amount.is_zero()));
        }
    }
    assert!(reached.iter().all(|count| *count >= 10), "cycles that reached each layer: {reached:?}");
}
