//! What the test chain promises: rollback, static calls, faults by name, calls between engines, hooks and swaps.

use caldera_sdk::prelude::*;
use caldera_sdk::testing::{Failure, TestHost};

use crate::fixture::{ADA, BANK, Bank, BankEngine, OTHER};

fn chain() -> TestHost {
    let host = TestHost::new();
    host.mount::<BankEngine>(BANK);
    host.set_balance(ADA, U256::from(1_000));
    host
}

fn deposit(note: &str) -> Bank::depositCall {
    Bank::depositCall { note: note.into() }
}

fn poke(other: Address, input: Vec<u8>) -> Bank::pokeCall {
    Bank::pokeCall { other, input: input.into(), value: U256::ZERO, readOnly: false }
}

#[test]
fn value_moves_with_the_call() {
    let host = chain();
    host.pay(ADA, BANK, U256::from(700), &deposit("rent")).unwrap();
    assert_eq!((host.balance(ADA), host.balance(BANK)), (U256::from(300), U256::from(700)));
    assert_eq!(host.call(ADA, BANK, &Bank::withdrawCall { amount: U256::from(200) }).unwrap(), U256::from(500));
    assert_eq!((host.balance(ADA), host.balance(BANK)), (U256::from(500), U256::from(500)));
    assert_eq!(host.view(ADA, BANK, &Bank::balanceOfCall { who: ADA }).unwrap(), U256::from(500));
}

#[test]
fn an_indexed_text_is_hashed() {
    let host = chain();
    host.call(ADA, BANK, &deposit("rent")).unwrap();
    let events = host.events::<Bank::Deposited>();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].note, caldera_sdk::crypto::keccak256(b"rent"));
}

#[test]
fn a_failed_call_leaves_nothing() {
    let host = chain();
    host.pay(ADA, BANK, U256::from(10), &deposit("first")).unwrap();
    let before = (host.storage(BANK), host.logs(), host.balance(ADA));
    let poor = host.call(ADA, BANK, &Bank::withdrawCall { amount: U256::from(11) }).unwrap_err();
    assert_eq!(poor.error::<Bank::Poor>().unwrap().balance, U256::from(10));
    for (how, reason) in [
        (0, "unreachable: told to"),
        (1, "key-too-long"),
        (2, "value-too-long"),
        (3, "unreachable: storage field 'v' holds bytes of another type"),
        (4, "no"),
    ] {
        let failure = host.call(ADA, BANK, &Bank::misbehaveCall { how }).err().unwrap();
        assert_eq!(failure.message(), reason);
        assert_eq!((host.storage(BANK), host.logs(), host.balance(ADA)), before, "after {reason}");
    }
}

#[test]
fn too_little_value_is_no_call() {
    let host = chain();
    assert!(host.pay(ADA, BANK, U256::from(1_001), &deposit("rich")).is_err());
    assert!(host.storage(BANK).is_empty());
}

#[test]
fn static_calls_cannot_write() {
    let host = chain();
    host.mount::<BankEngine>(OTHER);
    let fault = Err(Failure::Halted("static-write".into()));
    assert_eq!(host.view(ADA, BANK, &deposit("x")).map(drop), fault);
    // Below a static call everything is static, however it is called.
    assert_eq!(host.view(ADA, BANK, &poke(OTHER, deposit("x").abi_encode())).map(drop), fault);
    let question = Bank::balanceOfCall { who: ADA }.abi_encode();
    let ask = Bank::pokeCall { readOnly: true, ..poke(OTHER, question) };
    assert_eq!(host.view(ADA, BANK, &ask).unwrap().outcome, 0);
}

#[test]
fn a_callee_that_fails_is_undone_alone() {
    let host = chain();
    host.mount::<BankEngine>(OTHER);
    for (how, outcome, data) in
        [(0, 2, b"unreachable: told to".to_vec()), (4, 1, Revert::message("no").into_data()), (9, 0, Vec::new())]
    {
        let notes_before = host.storage(OTHER).len();
        let call = poke(OTHER, Bank::misbehaveCall { how }.abi_encode());
        let told = host.call(ADA, BANK, &call).unwrap();
        assert_eq!((told.outcome, told.data.to_vec()), (outcome, data));
        assert_eq!(host.storage(OTHER).len() > notes_before, outcome == 0);
    }
    let notes = host.within(BANK, || List::<String>::new("notes").len()).unwrap();
    assert_eq!(notes, 3, "the caller's own writes stay");
}

#[test]
fn calls_come_back_and_end() {
    let host = chain();
    // The engine pokes itself, again and again, until the chain says that it is too deep.
    let mut call = poke(BANK, deposit("inner").abi_encode());
    for _ in 0..12 {
        call = poke(BANK, call.abi_encode());
    }
    let mut told = host.call(ADA, BANK, &call).unwrap();
    let mut depth = 0;
    while told.outcome == 0 {
        told = Bank::pokeCall::abi_decode_returns(&told.data).unwrap();
        depth += 1;
    }
    assert_eq!((told.outcome, depth), (3, 8));
}

#[test]
fn an_engine_cannot_send_what_it_has_not() {
    let host = chain();
    let call = Bank::pokeCall { value: U256::from(1), ..poke(ADA, Vec::new()) };
    assert_eq!(host.call(ADA, BANK, &call).unwrap().outcome, 4);
}

#[test]
fn mocks_answer_for_contracts() {
    let host = chain();
    host.mock(OTHER, |env, call: Bank::balanceOfCall| {
        assert!(env.is_static && env.caller == BANK && env.origin == ADA);
        ensure!(call.who == ADA, Bank::Poor { balance: U256::from(9) });
        Ok(U256::from(42))
    });
    let ask = |who| {
        let input = Bank::balanceOfCall { who }.abi_encode();
        host.call(ADA, BANK, &Bank::pokeCall { readOnly: true, ..poke(OTHER, input) }).unwrap()
    };
    assert_eq!(ask(ADA).data.to_vec(), U256::from(42).to_be_bytes::<32>());
    let refused = ask(BANK);
    assert_eq!((refused.outcome, Bank::Poor::abi_decode(&refused.data).unwrap().balance), (1, U256::from(9)));
    // Nobody lives there: a view that promises a number gets none.
    let input = Bank::balanceOfCall { who: ADA }.abi_encode();
    let nobody = host.call(ADA, BANK, &Bank::pokeCall { readOnly: true, ..poke(Address::repeat_byte(5), input) });
    assert_eq!(nobody.unwrap().outcome, 5);
}

#[test]
fn hooks_are_undone_when_they_fail() {
    let host = chain();
    let blocks = || host.within(BANK, || Value::<u64>::new("blocks").get()).unwrap();
    assert_eq!(host.init::<BankEngine>(BANK, &[]), Err("no config".into()));
    assert!(host.storage(BANK).is_empty());
    host.init::<BankEngine>(BANK, &[7]).unwrap();
    assert_eq!(blocks(), 7);
    // Block 1 is odd, which the engine refuses, after it wrote.
    assert!(host.end_block::<BankEngine>(BANK, &BlockSummary::default()).unwrap_err().starts_with("0x"));
    assert_eq!(blocks(), 7);
    host.next_block(12);
    host.end_block::<BankEngine>(BANK, &BlockSummary::default()).unwrap();
    assert_eq!(blocks(), 2);
}

storage! {
    /// The next version of the bank: it knows how many notes there were.
    struct NextBank {
        notes: List<String>,
        count: Value<u64>,
    }
}

impl Engine for NextBank {
    type Calls = Bank::BankCalls;
    const NAME: &'static str = "bank";
    const VERSION: &'static str = "2.0.0";
    const STATE_VERSION: u32 = 2;
    const ABI: &'static str = "";

    fn call(&mut self, _env: &CallEnv, _call: Self::Calls) -> Result<Vec<u8>, Revert> {
        Err(Revert::message("closed"))
    }

    /// Up it counts the notes, two in a step; down it forgets the count.
    fn migrate(&mut self, step: &Migration) -> Result<Migrated, String> {
        if (step.from, step.to) == (2, 1) {
            self.count.remove();
            return Ok(Migrated::Done);
        }
        ensure!((step.from, step.to) == (1, 2), "unknown layout");
        let (done, total) = ((self.count.get() + 2).min(self.notes.len()), self.notes.len());
        assert_eq!(step.cursor.is_empty(), self.count.get() == 0);
        self.count.set(&done);
        ensure!(total > 0, "nothing to bring over");
        match self.notes.get(done - 1).as_deref() {
            Some("trap") => panic!("a note that traps"),
            Some("long") => Ok(Migrated::More(Progress { cursor: vec![1; 1025], done, total })),
            Some("call") => {
                contract(ADA).value(U256::from(1)).call_raw(&[]).map(|_| Migrated::Done).map_err(String::from)
            }
            Some("ask") => match contract(BANK).call(&deposit("while it migrates")) {
                Ok(_) => Ok(Migrated::Done),
                Err(failure) => Err(format!("{:?}", failure.error)),
            },
            _ if done < total => Ok(Migrated::More(Progress { cursor: done.to_be_bytes().to_vec(), done, total })),
            _ => Ok(Migrated::Done),
        }
    }
}

#[test]
fn a_swap_migrates_or_changes_nothing() {
    let host = chain();
    assert_eq!(host.swap::<BankEngine, NextBank>(BANK), Err("nothing to bring over".into()));
    assert!(host.storage(BANK).is_empty());
    host.call(ADA, BANK, &deposit("old engine")).unwrap();
    host.swap::<BankEngine, NextBank>(BANK).unwrap();
    let count = || host.within(BANK, || Value::<u64>::new("count").get()).unwrap();
    assert_eq!(count(), 1);
    assert_eq!(host.call(ADA, BANK, &deposit("new engine")).err().unwrap().message(), "closed");
    // And back: the newer engine migrates down.
    host.swap::<NextBank, BankEngine>(BANK).unwrap();
    assert_eq!(count(), 0);
    host.call(ADA, BANK, &deposit("old engine")).unwrap();
    assert_eq!(host.configure::<BankEngine>(BANK, &[]), Err("bank takes no new configuration".into()));
}

#[test]
fn a_migration_goes_on_block_by_block_or_leaves_nothing() {
    let with_notes = |notes: &[&str]| {
        let host = chain();
        notes.iter().for_each(|note| host.call(ADA, BANK, &deposit(note)).map(drop).unwrap());
        host
    };
    let host = with_notes(&["a", "b", "c", "d", "e"]);
    let steps = host.swap::<BankEngine, NextBank>(BANK).unwrap();
    assert_eq!(steps.iter().map(|step| (step.done, step.total)).collect::<Vec<_>>(), [(2, 5), (4, 5)]);
    assert_eq!(host.block().number, 3);
    for (note, reason) in [
        ("trap", "unreachable: a note that traps"),
        ("long", "output-too-long"),
        ("call", "static-write"),
        ("ask", "static-write"),
    ] {
        let host = with_notes(&["a", "b", "c", note, "e"]);
        let before = (host.storage(BANK), host.logs(), host.block());
        let failed = host.swap::<BankEngine, NextBank>(BANK).unwrap_err();
        assert!(failed.contains(reason), "{note}: {failed}");
        assert_eq!((host.storage(BANK), host.logs(), host.block()), before);
        host.call(ADA, BANK, &deposit("the old engine is at work")).unwrap();
    }
}
