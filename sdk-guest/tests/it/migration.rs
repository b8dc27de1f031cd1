//! Typed migrations: every entry goes over once, whatever the size of a step, up and down; and recordings tell what differs.

use caldera_sdk::prelude::*;
use caldera_sdk::testing::{Kind, TestHost};
use proptest::prelude::*;

const CLUB: Address = Address::repeat_byte(0xc1);
const ADA: Address = Address::repeat_byte(0xad);

sol! {
    interface Club {
        event Joined(address who);
        error Full(uint64 members);

        function join(uint64 points) external returns (uint64 members);
        function pointsOf(address who) external view returns (uint64);
        function wait(uint32 ticket) external;
        function rank(int64 score) external;
    }
}

mod v1 {
    use super::*;

    storage! {
        /// Version 1.
        pub struct ClubEngine {
            pub members: List<Address>,
            pub points: Map<Address, u64>,
            pub waiting: Queue<u32>,
            pub ranks: OrderedMap<i64, u8>,
            pub founder: Value<Address>,
        }
    }

    impl Engine for ClubEngine {
        type Calls = Club::ClubCalls;
        const NAME: &'static str = "club";
        const VERSION: &'static str = "1.0.0";
        const ABI: &'static str = "";

        fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
            match call {
                Self::Calls::join(call) => answer(call, |call| {
                    ensure!(self.members.len() < 40, Club::Full { members: self.members.len() });
                    self.members.push(&env.caller);
                    self.points.set(&env.caller, &call.points);
                    emit(&Club::Joined { who: env.caller });
                    Ok(self.members.len())
                }),
                Self::Calls::pointsOf(call) => answer(call, |call| Ok(self.points.get(&call.who))),
                Self::Calls::wait(call) => answer(call, |call| {
                    self.waiting.push(&call.ticket);
                    Ok(())
                }),
                Self::Calls::rank(call) => answer(call, |call| {
                    self.ranks.set(&call.score, &1);
                    Ok(())
                }),
            }
        }
    }
}

stored_struct! {
    #[derive(Clone, Debug, PartialEq)]
    struct Score { points: u64, bonus: u64 }
}

storage! {
    /// Version 2: scores in order, tickets as numbers of 64 bits in place, ranks with a name.
    struct ClubEngine {
        members: List<Address>,
        scores: OrderedMap<Address, Score>,
        waiting: Queue<u64>,
        ranks: OrderedMap<i64, (u8, String)>,
        founder: Value<Address>,
        generous: Value<bool>,
    }
}

migrations! {
    ClubEngine, 7 entries a step;
    1 => 2, v1::ClubEngine, |new, old, walk| walk
        .total(new.members.len() + old.waiting.len())
        .list(&old.members, |_, who| {
            new.scores.set(&who, &Score { points: old.points.get(&who), bonus: 0 });
            old.points.remove(&who);
            Ok(())
        })?
        .ordered(&old.ranks, |score, rank| {
            new.ranks.set(&score, &(rank, "from 1".into()));
            Ok(())
        })?
        .once(|| {
            ensure!(!new.founder.get().is_zero(), "a club has a founder");
            Ok(())
        });
    2 => 1, v1::ClubEngine, |new, old, walk| walk
        .ordered(&new.scores, |who, score| {
            old.points.set(&who, &score.points);
            Ok(())
        })?
        .clear_ordered(&mut new.scores)?
        .ordered(&new.ranks, |score, (rank, _)| {
            old.ranks.set(&score, &rank);
            Ok(())
        });
}

impl Engine for ClubEngine {
    type Calls = Club::ClubCalls;
    const NAME: &'static str = "club";
    const VERSION: &'static str = "2.0.0";
    const STATE_VERSION: u32 = 2;
    const ABI: &'static str = "";

    fn call(&mut self, env: &CallEnv, call: Self::Calls) -> Result<Vec<u8>, Revert> {
        match call {
            Self::Calls::join(call) => answer(call, |call| {
                // Two mistakes, for the comparison to find: the limit, and a bonus for round numbers.
                ensure!(self.members.len() < 30, Club::Full { members: self.members.len() });
                self.members.push(&env.caller);
                self.scores.set(&env.caller, &Score { points: call.points, bonus: 0 });
                emit(&Club::Joined { who: env.caller });
                Ok(self.members.len())
            }),
            Self::Calls::pointsOf(call) => answer(call, |call| {
                let points = self.scores.get(&call.who).points;
                Ok(if points == 100 { 101 } else { points })
            }),
            Self::Calls::wait(call) => answer(call, |call| {
                self.waiting.push(&call.ticket.into());
                Ok(())
            }),
            Self::Calls::rank(call) => answer(call, |call| {
                self.ranks.set(&call.score, &(1, String::new()));
                Ok(())
            }),
        }
    }

    fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
        self.step(step)
    }
}

fn member(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn club(members: u8, tickets: u32, ranks: &[i64]) -> TestHost {
    let host = TestHost::new();
    host.mount::<v1::ClubEngine>(CLUB);
    host.within(CLUB, || v1::ClubEngine::default().founder.set(&ADA)).unwrap();
    (1..=members).for_each(|n| {
        assert_eq!(host.call(member(n), CLUB, &Club::joinCall { points: u64::from(n) * 10 }), Ok(u64::from(n)))
    });
    (0..tickets).for_each(|ticket| assert!(host.call(ADA, CLUB, &Club::waitCall { ticket }).is_ok()));
    ranks.iter().for_each(|score| assert!(host.call(ADA, CLUB, &Club::rankCall { score: *score }).is_ok()));
    host
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_entry_goes_over_once_and_back(members in 0u8..40, tickets in 0u32..20, ranks in prop::collection::btree_set(-50i64..50, 0..30)) {
        let ranks: Vec<i64> = ranks.into_iter().collect();
        let host = club(members, tickets, &ranks);
        let before = host.storage(CLUB);
        let steps = host.swap::<v1::ClubEngine, ClubEngine>(CLUB).unwrap();
        let entries = usize::from(members) + ranks.len() + 1;
        prop_assert_eq!(steps.len(), entries / 7);
        prop_assert!(steps.iter().zip(1..).all(|(step, n)| step.done == 7 * n && step.cursor.len() <= 1024));
        let (new, old) = (ClubEngine::default(), v1::ClubEngine::default());
        host.within(CLUB, || {
            let scores: Vec<_> = new.scores.range(..).map(|(who, score)| (who, score.points)).collect();
            assert_eq!(scores, (1..=members).map(|n| (member(n), u64::from(n) * 10)).collect::<Vec<_>>());
            assert!((1..=members).all(|n| !old.points.contains(&member(n))));
            assert!(new.waiting.iter().eq(0..u64::from(tickets)));
            assert!(new.ranks.range(..).map(|(score, (_, name))| (score, name)).eq(ranks.iter().map(|s| (*s, "from 1".to_owned()))));
        }).unwrap();
        host.swap::<ClubEngine, v1::ClubEngine>(CLUB).unwrap();
        prop_assert_eq!(host.storage(CLUB), before);
    }
}

#[test]
fn what_fails_in_a_late_step_leaves_nothing() {
    let host = club(20, 0, &[]);
    host.within(CLUB, || v1::ClubEngine::default().founder.remove()).unwrap();
    let before = host.storage(CLUB);
    assert_eq!(host.swap::<v1::ClubEngine, ClubEngine>(CLUB), Err("a club has a founder".into()));
    assert_eq!(host.storage(CLUB), before);
}

#[test]
fn an_unknown_way_and_a_foreign_cursor_are_refused() {
    let _host = club(1, 0, &[]);
    let step =
        |from, to, cursor: &[u8]| ClubEngine::default().migrate(&Migration { from, to, cursor: cursor.to_vec() });
    assert_eq!(step(3, 2, &[]), Err("no migration from state version 3 to 2".into()));
    assert_eq!(step(1, 2, &[1]), Err("the cursor is of another migration".into()));
    assert_eq!(step(1, 2, &[0, 0, 0, 0, 0, 0, 0, 0, 1, 9]), Err("the cursor is of another migration".into()));
    assert_eq!(step(1, 2, &[1, 0, 0, 0, 0, 0, 0, 0, 1, 9]), Err("the cursor is of another migration".into()));
}

#[test]
fn a_recording_tells_what_the_new_version_does_differently() {
    let host = club(3, 0, &[]);
    host.record();
    for number in 4..35 {
        host.call(member(number), CLUB, &Club::joinCall { points: u64::from(number) * 10 }).unwrap();
        host.next_block(1);
    }
    host.call(ADA, CLUB, &Club::waitCall { ticket: 7 }).unwrap();
    for number in [9, 10, 11] {
        host.view(ADA, CLUB, &Club::pointsOfCall { who: member(number) }).unwrap();
    }
    host.call_raw(ADA, CLUB, U256::ZERO, &[1, 2, 3, 4]).unwrap_err();
    host.set_balance(ADA, U256::from(5));
    let recording = host.recorded();
    assert_eq!(recording.len(), 31 + 1 + 3 + 1 + 1);
    let differences =
        recording.compare::<v1::ClubEngine, ClubEngine>(&host, CLUB, &["members", "waiting", "founder"]).unwrap();
    let kinds: Vec<_> = differences.iter().map(|difference| difference.kind).collect();
    // Members 31 to 34 are refused; then the answer of 101; then the four that are missing, and the length.
    assert_eq!(kinds, [&[Kind::Result; 4][..], &[Kind::Return], &[Kind::Storage; 5]].concat(), "{differences:#?}");
    assert!(differences[4].what.starts_with("input 33: call of 0x"), "{}", differences[4].what);
    let same = recording.compare::<v1::ClubEngine, v1::ClubEngine>(&host, CLUB, &["members", "points"]).unwrap();
    assert_eq!(same, []);
}
