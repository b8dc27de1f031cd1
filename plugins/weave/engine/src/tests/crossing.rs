//! Random crossings of three assets over three chains, against a model: nothing is made, nothing is lost.

use std::collections::BTreeMap;

use caldera_sdk::prelude::*;
use proptest::prelude::*;
use weave_rules::{
    StateUnit,
    abi::Weave::{self as abi, Rule},
    unit::asset_id,
};

use super::{
    assets::{burn, lock, mint, unlock},
    world::*,
};

#[derive(Clone, Debug)]
enum Step {
    Lock {
        home: usize,
        to: usize,
        who: usize,
        amount: u64,
    },
    Burn {
        at: usize,
        asset: usize,
        who: usize,
        amount: u64,
    },
    /// Delivers a message, whichever and wherever, perhaps again, perhaps to the wrong chain or as the wrong kind of act.
    Deliver {
        message: usize,
        at: usize,
        as_mint: bool,
    },
    Give {
        at: usize,
        asset: usize,
        from: usize,
        to: usize,
        amount: u64,
    },
    Certify {
        chain: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let (n, amount) = (0usize..3, 1u64..60);
    prop_oneof![
        1 => (n.clone(), n.clone(), n.clone(), amount.clone())
            .prop_map(|(home, to, who, amount)| Step::Lock { home, to, who, amount }),
        1 => (n.clone(), n.clone(), n.clone(), amount.clone())
            .prop_map(|(at, asset, who, amount)| Step::Burn { at, asset, who, amount }),
        3 => (0usize..24, n.clone(), any::<bool>())
            .prop_map(|(message, at, as_mint)| Step::Deliver { message, at, as_mint }),
        1 => (n.clone(), n.clone(), n.clone(), n.clone(), amount)
            .prop_map(|(at, asset, from, to, amount)| Step::Give { at, asset, from, to, amount }),
        2 => n.prop_map(|chain| Step::Certify { chain }),
    ]
}

fn who(n: usize) -> Address {
    Address::repeat_byte(0x31 + n as u8)
}

/// The wei of a chain.
fn asset(home: usize) -> B256 {
    asset_id(chain(home), Address::ZERO)
}

/// A crossing under way.
struct Message {
    unit: StateUnit,
    home: usize,
    from: usize,
    to: usize,
    done: bool,
}

/// What must be true of the chains, kept by hand.
#[derive(Default)]
struct Model {
    messages: Vec<Message>,
    /// By chain, asset and account.
    balances: BTreeMap<(usize, usize, usize), u64>,
    /// By home and destination.
    locked: BTreeMap<(usize, usize), u64>,
    newest: BTreeMap<usize, Certified>,
}

fn run(steps: Vec<Step>) {
    let mut world = World::new();
    for home in CHAINS {
        let rule = Rule { localKey: asset(home), maxStaleness: 0, expiryCap: 0, cap: U256::ZERO };
        for to in CHAINS.into_iter().filter(|to| *to != home) {
            world.rule(home, to, ASSET, asset(home), rule.clone());
        }
        world.host.set_balance(who(home), U256::from(1_000));
    }
    let mut model = Model::default();
    for step in steps {
        take(&mut world, &mut model, step);
        check(&world, &model);
    }
}

fn take(world: &mut World, model: &mut Model, step: Step) {
    match step {
        Step::Lock { home, to, who: n, amount } => {
            let possible = home != to && world.host.balance(who(n)) >= U256::from(amount);
            let sent = world.host.balance(who(n)) >= U256::from(amount);
            if !sent {
                return;
            }
            let locked = world.pay(home, who(n), amount, &lock(Address::ZERO, amount, to, who(n)));
            assert_eq!(locked.is_ok(), possible);
            if let Ok(id) = locked {
                *model.locked.entry((home, to)).or_default() += amount;
                let unit = world.view(home, &abi::unitOfCall { id }).unwrap();
                model.messages.push(Message { unit, home, from: home, to, done: false });
            }
        }
        Step::Burn { at, asset: home, who: n, amount } => {
            let balance = model.balances.entry((at, home, n)).or_default();
            let burnt = world.call(at, who(n), &burn(asset(home), amount, who(n)));
            assert_eq!(burnt.is_ok(), at != home && *balance >= amount);
            if let Ok(id) = burnt {
                *balance -= amount;
                let unit = world.view(at, &abi::unitOfCall { id }).unwrap();
                model.messages.push(Message { unit, home, from: at, to: home, done: false });
            }
        }
        Step::Deliver { message, at, as_mint } => {
            let Some(message) = model.messages.get_mut(message) else { return };
            let Some(block) = model.newest.get(&message.from) else { return };
            let is_mint = message.from == message.home;
            let there = message.unit.issued <= block.height;
            let possible = !message.done && at == message.to && is_mint == as_mint && there;
            let delivered = match as_mint {
                true => world.call(at, who(0), &mint(&message.unit, block)).is_ok(),
                false => world.call(at, who(0), &unlock(&message.unit, block)).is_ok(),
            };
            assert_eq!(delivered, possible, "{:?}", message.unit);
            if !delivered {
                return;
            }
            message.done = true;
            let amount: u64 = message.unit.value.to();
            let n = (0..3).find(|n| who(*n) == message.unit.owner).unwrap();
            match is_mint {
                true => *model.balances.entry((at, message.home, n)).or_default() += amount,
                false => *model.locked.get_mut(&(message.home, message.from)).unwrap() -= amount,
            }
        }
        Step::Give { at, asset: home, from, to, amount } => {
            let has = model.balances.get(&(at, home, from)).copied().unwrap_or_default() >= amount;
            let call = abi::transferAssetCall { asset: asset(home), to: who(to), amount: U256::from(amount) };
            assert_eq!(world.call(at, who(from), &call).is_ok(), has);
            if has {
                *model.balances.entry((at, home, from)).or_default() -= amount;
                *model.balances.entry((at, home, to)).or_default() += amount;
            }
        }
        Step::Certify { chain } => {
            let block = world.certify(chain);
            model.newest.insert(chain, block);
        }
    }
}

/// The chains are as the model says, and what is locked for a chain is what is there or on its way.
fn check(world: &World, model: &Model) {
    for home in CHAINS {
        let mut held = 0;
        for at in CHAINS.into_iter().filter(|at| *at != home) {
            let locked = world.view(home, &abi::lockedForCall { destination: chain(at), asset: asset(home) }).unwrap();
            let locked: u64 = locked.to();
            assert_eq!(locked, model.locked.get(&(home, at)).copied().unwrap_or_default());
            held += locked;
            let mut there = 0;
            for n in 0..3 {
                let call = abi::balanceOfCall { owner: who(n), asset: asset(home) };
                let balance: u64 = world.view(at, &call).unwrap().to();
                assert_eq!(balance, model.balances.get(&(at, home, n)).copied().unwrap_or_default());
                there += balance;
            }
            let minted: u64 = world.view(at, &abi::mintedOfCall { asset: asset(home) }).unwrap().to();
            assert_eq!(minted, there);
            let underway =
                |message: &&Message| !message.done && message.home == home && (message.to == at || message.from == at);
            let underway: u64 =
                model.messages.iter().filter(underway).map(|message| message.unit.value.to::<u64>()).sum();
            assert_eq!(locked, there + underway, "of chain {home} on chain {at}");
        }
        assert_eq!(world.host.balance(engine(home)), U256::from(held));
    }
    let purses: U256 = (0..3).map(|n| world.host.balance(who(n))).sum();
    let engines: U256 = CHAINS.map(|n| world.host.balance(engine(n))).into_iter().sum();
    assert_eq!(purses + engines, U256::from(3_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn nothing_is_made_and_nothing_is_lost(steps in prop::collection::vec(step(), 1..60)) {
        run(steps);
    }
}
