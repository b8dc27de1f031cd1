//! Cycles without a default: by call, by height, over many blocks, and across the swap.

use caldera_sdk::prelude::*;
use clearing_rules::abi::Clearing::{self as abi, Config, Phase};

use super::{World, both, world::*};
use crate::{Book, Deferred, Incremental};

#[test]
fn a_cycle_moves_nets_only() {
    both(|world| {
        world.register(3);
        (1..=3).for_each(|number| world.mint(USD, member(number), 100 * DOLLAR));
        // 1 owes 2 sixty, 2 owes 3 fifty, 3 owes 1 forty: nets are -20, +10, +10.
        let obligations = [owes(1, 2, 60, 1), owes(2, 3, 50, 1), owes(3, 1, 40, 1)];
        world.submit(&obligations).unwrap();
        assert_eq!(world.cycle(1).phase, Phase::Open);
        assert_eq!(world.cycle(1).gross, U256::from(150));
        world.close();
        world.settle();
        let cycle = world.cycle(1);
        assert_eq!((cycle.phase, cycle.obligations, cycle.defaults), (Phase::Settled, 3, 0));
        assert_eq!([cycle.gross, cycle.net, cycle.collected, cycle.paid], [150, 20, 20, 20].map(U256::from));
        let purses = [1, 2, 3].map(|number| world.purse(USD, member(number)));
        assert_eq!(purses, [100 * DOLLAR - 20, 100 * DOLLAR + 10, 100 * DOLLAR + 10]);
        let position = world.view(&abi::netPositionCall { cycle: 1, participant: member(1) });
        assert_eq!((position.net.to_string().as_str(), position.debit), ("-20", U256::from(60)));
        let found = world.view(&abi::obligationCall { debtor: member(2), referenceId: obligations[1].referenceId });
        assert_eq!((found.cycle, found.creditor, found.amount), (1, member(3), U256::from(50)));
        let netted = world.host.events::<abi::CycleNetted>();
        assert_eq!(netted, [abi::CycleNetted { cycle: 1, gross: U256::from(150), net: U256::from(20) }]);
    });
}

#[test]
fn obligations_of_a_close_enter_the_next_cycle() {
    both(|world| {
        world.register(2);
        world.mint(USD, member(1), 1_000);
        world.submit(&[owes(1, 2, 10, 1)]).unwrap();
        world.close();
        world.submit(&[owes(1, 2, 7, 2)]).unwrap();
        world.settle();
        assert_eq!(world.cycle(1).net, U256::from(10));
        assert_eq!(world.cycle(2).gross, U256::from(7));
        world.close();
        world.settle();
        assert_eq!(world.purse(USD, member(2)), 17);
    });
}

#[test]
fn a_cycle_closes_by_height_and_an_empty_one_goes_on() {
    let config = Config { cycleBlocks: 5, ..config() };
    check_by_height::<Deferred>(&config);
    check_by_height::<Incremental>(&config);
}

fn check_by_height<B: Book + 'static>(config: &Config) {
    let world = World::with::<B>(config);
    world.register(2);
    world.mint(USD, member(1), 1_000);
    world.block();
    let first = world.view(&abi::closesAtCall {});
    assert_eq!(first, world.host.block().number + 5);
    // Empty: the term begins anew, the cycle stays.
    while world.host.block().number < first {
        world.block();
    }
    assert_eq!(world.view(&abi::closesAtCall {}), first + 5);
    world.submit(&[owes(1, 2, 10, 1)]).unwrap();
    while world.host.block().number < first + 5 {
        assert_eq!(world.view(&abi::currentCycleCall {}).open, 1);
        world.block();
    }
    assert_eq!(world.view(&abi::currentCycleCall {}).open, 2);
    world.settle();
    assert_eq!(world.purse(USD, member(2)), 10);
}

/// A ring of obligations: everybody owes the next, more or less.
pub(super) fn ring(members: u32, count: u64) -> Vec<abi::Obligation> {
    (0..count)
        .map(|i| {
            let debtor = (i % u64::from(members)) as u32;
            owes(debtor + 1, (debtor + 1 + (i / 7 % 3) as u32) % members + 1, 1_000 + i * 37 % 901, i)
        })
        .filter(|obligation| obligation.debtor != obligation.creditor)
        .collect()
}

#[test]
fn a_large_cycle_is_worked_off_over_many_blocks() {
    let blocks = |world: &World| {
        world.register(120);
        (1..=120).for_each(|number| world.mint(USD, member(number), 100_000));
        ring(120, 3_000).chunks(150).for_each(|batch| world.submit(batch).unwrap());
        world.close();
        let blocks = world.settle();
        let cycle = world.cycle(1);
        assert_eq!((cycle.obligations, cycle.defaults), (3_000, 0));
        assert_eq!(cycle.paid, cycle.net);
        blocks
    };
    let (v1, v2) = (blocks(&World::new::<Deferred>()), blocks(&World::new::<Incremental>()));
    assert!(v1 > v2, "version 1 nets for several blocks: {v1} against {v2}");
    assert!(v2 > 3, "120 participants do not fit one block");
}

#[test]
fn anybody_helps_with_the_work() {
    both(|world| {
        world.register(40);
        (1..=40).for_each(|number| world.mint(USD, member(number), 100_000));
        world.submit(&ring(40, 200)).unwrap();
        assert_eq!(world.refused(member(3), &abi::workCall {}).error(), Some(abi::NoWork {}));
        world.close();
        world.host.set_gas(3_999_999);
        let poor = world.refused(member(3), &abi::workCall {});
        assert_eq!(poor.error(), Some(abi::NotEnoughGas { have: 3_999_999, need: 4_000_000 }));
        world.host.set_gas(4_000_000);
        let mut calls = 1;
        while !world.call(member(3), &abi::workCall {}).unwrap() {
            world.check();
            calls += 1;
        }
        assert!(calls > 1);
        assert_eq!(world.cycle(1).phase, Phase::Settled);
        world.check();
    });
}

#[test]
fn the_swap_nets_what_is_pending() {
    let mut world = World::new::<Deferred>();
    world.register(3);
    world.mint(USD, member(1), 1_000);
    world.submit(&[owes(1, 2, 60, 1), owes(2, 3, 50, 1)]).unwrap();
    let ask = abi::netPositionCall { cycle: 1, participant: member(2) };
    let unknown = world.host.view(GOVERNOR, ENGINE, &ask).unwrap_err();
    assert_eq!(unknown.error(), Some(abi::NotNetted { cycle: 1 }));
    assert_eq!(world.view(&abi::requirementCall { participant: member(2) }), U256::from(5));
    world.swap::<Deferred, Incremental>().unwrap();
    assert_eq!(world.view(&ask).net.to_string(), "10");
    assert_eq!(world.cycle(1).net, U256::from(60));
    assert_eq!(world.view(&abi::requirementCall { participant: member(2) }), U256::ZERO, "net, not gross");
    world.submit(&[owes(3, 1, 40, 1)]).unwrap();
    world.close();
    world.settle();
    assert_eq!([1, 2, 3].map(|number| world.purse(USD, member(number))), [980, 10, 10]);
    // A reference of version 1 is still known.
    assert!(world.submit(&[owes(1, 2, 60, 1)]).unwrap_err().error::<abi::DuplicateReference>().is_some());
}

#[test]
fn a_large_migration_goes_on_over_several_blocks() {
    let mut world = World::new::<Deferred>();
    world.register(60);
    (1..=60).for_each(|number| world.mint(USD, member(number), 10_000_000));
    ring(60, 60_000).chunks(500).for_each(|batch| world.submit(batch).unwrap());
    let steps = world.swap::<Deferred, Incremental>().unwrap();
    assert!(steps.len() > 1 && steps.is_sorted_by_key(|step| step.done), "{steps:?}");
    assert!(steps.iter().all(|step| step.done < step.total && step.total == 60_000 / 48), "{steps:?}");
    world.close();
    world.settle();
    assert_eq!(world.cycle(1).phase, Phase::Settled);
}

#[test]
fn there_is_a_way_back_to_version_1() {
    let mut world = World::new::<Incremental>();
    world.register(3);
    world.mint(USD, member(1), 1_000);
    world.submit(&[owes(1, 2, 60, 1), owes(2, 3, 50, 1)]).unwrap();
    assert!(world.swap::<Incremental, Deferred>().unwrap().is_empty());
    // The obligation that version 1 takes waits in a page; those of version 2 are netted.
    world.submit(&[owes(3, 1, 40, 1)]).unwrap();
    world.close();
    world.settle();
    assert_eq!([1, 2, 3].map(|number| world.purse(USD, member(number))), [980, 10, 10]);
}

#[test]
fn another_configuration_keeps_the_assets_and_waits_for_a_settlement() {
    let world = World::new::<Incremental>();
    let configure = |config: &Config| world.configure::<Incremental>(config);
    let strict = Config { maintenanceBps: 20, operator: member(1), ..config() };
    configure(&strict).unwrap();
    assert_eq!(world.view(&abi::configCall {}), strict);
    let other = Config { collateralAsset: member(2), ..config() };
    assert!(configure(&other).unwrap_err().contains("the assets cannot change"));
    assert!(configure(&Config { haircutBps: 10_001, ..config() }).unwrap_err().contains("haircutBps"));
    configure(&config()).unwrap();
    world.register(2);
    world.submit(&[owes(1, 2, 60, 1)]).unwrap();
    world.close();
    assert!(configure(&strict).unwrap_err().contains("being settled"));
}
