//! A development chain: what is changed by hand is in its blocks, a replay gives the same, and going back leaves nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{fs, path::Path, sync::Arc, time::Duration};

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use caldera_chain::{Chain, ChainError, ChainEvent, ChainSpec, DevError, PoolOptions, SubmitError, replay};
use caldera_execution::{StateEdit, registry};
use caldera_state::{StateOptions, StateView};
use caldera_testkit::{PROBE, account, engines, genesis, sign};
use caldera_types::{EDIT_ADDRESS, SYSTEM_ADDRESS, impersonation};

const STRANGER: Address = Address::repeat_byte(0x57);
const TARGET: Address = Address::repeat_byte(0x77);

fn spec(development: bool) -> ChainSpec {
    ChainSpec {
        name: "test".into(),
        genesis: caldera_execution::Genesis { development, ..genesis(&["probe-v1"]) },
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    }
}

fn open_as(dir: &Path, development: bool) -> Result<Arc<Chain>, ChainError> {
    Chain::open(spec(development), dir, StateOptions::recommended(), engines(), &mut |_| {})
}

fn open(dir: &Path) -> Arc<Chain> {
    open_as(dir, true).unwrap()
}

fn transfer(from: u8, nonce: u64, wei: u64) -> TxEnvelope {
    sign(&account(from), nonce, TxKind::Call(TARGET), U256::from(wei), 21_000, Bytes::new())
}

/// A transfer of one wei in somebody's name.
fn in_the_name_of(sender: Address, nonce: u64) -> TxEnvelope {
    let tx = TxEip1559 {
        chain_id: caldera_testkit::CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(TARGET),
        value: U256::ONE,
        ..Default::default()
    };
    tx.into_signed(impersonation(sender)).into()
}

fn balance(chain: &Chain, of: Address) -> U256 {
    let view = chain.view(chain.head().number()).unwrap();
    view.account(of).unwrap().unwrap_or_default().balance
}

fn set_balance(chain: &Chain, address: Address, wei: u64) {
    chain.edit(&StateEdit::Balance { address, balance: U256::from(wei) }).unwrap();
}

/// Everything that the log says gives the same roots on a fresh folder.
fn replays(dir: &Path) -> Arc<Chain> {
    let fresh = tempfile::tempdir().unwrap();
    let original = fresh.path().join("copy");
    replay(spec(true), dir, &original, StateOptions::recommended(), engines(), &mut |_| {}).unwrap()
}

#[test]
fn what_is_changed_by_hand_is_in_a_block_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let (code, slot, value) = (Bytes::from(hex!("6000545f5260205ff3")), U256::from(5), B256::repeat_byte(9));
    set_balance(&chain, STRANGER, 7);
    chain.edit(&StateEdit::Nonce { address: STRANGER, nonce: 40 }).unwrap();
    chain.edit(&StateEdit::Code { address: TARGET, code: code.clone() }).unwrap();
    let block = chain.edit(&StateEdit::Slot { address: TARGET, slot, value }).unwrap();
    assert_eq!((block.number(), block.senders()), (4, [SYSTEM_ADDRESS].as_slice()));
    assert_eq!(block.block.transactions.len(), 1);
    assert_eq!(alloy_consensus::Transaction::to(&block.block.transactions[0]), Some(EDIT_ADDRESS));
    assert!(block.receipts[0].consensus.status() && block.receipts[0].gas_used == 0);

    let view = chain.view(4).unwrap();
    let stranger = view.account(STRANGER).unwrap().unwrap();
    assert_eq!((stranger.balance, stranger.nonce), (U256::from(7), 40));
    assert_eq!(view.code(view.account(TARGET).unwrap().unwrap().code_hash).unwrap(), code);
    assert_eq!(view.storage(TARGET, slot).unwrap(), U256::from_be_bytes(value.0));

    // To zero and empty, an account is gone.
    set_balance(&chain, STRANGER, 0);
    chain.edit(&StateEdit::Nonce { address: STRANGER, nonce: 0 }).unwrap();
    assert_eq!(chain.view(6).unwrap().account(STRANGER).unwrap(), None);
    chain.edit(&StateEdit::Slot { address: STRANGER, slot, value: B256::ZERO }).unwrap();
    assert_eq!(chain.view(7).unwrap().account(STRANGER).unwrap(), None);

    // An account that has nothing but storage keeps it until a transaction touches the account.
    let bare = Address::repeat_byte(0xba);
    chain.edit(&StateEdit::Slot { address: bare, slot, value }).unwrap();
    assert_eq!(chain.view(8).unwrap().storage(bare, slot).unwrap(), U256::from_be_bytes(value.0));
    chain.mine(1, None, None).unwrap();
    assert_eq!(chain.view(9).unwrap().storage(bare, slot).unwrap(), U256::from_be_bytes(value.0));

    let root = chain.head().block.header.state_root;
    drop((chain, view));
    assert_eq!(replays(dir.path()).head().block.header.state_root, root);
    assert_eq!(open(dir.path()).head().block.header.state_root, root);
}

#[test]
fn what_says_which_engine_runs_is_not_changed_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let (code, slot, value) = (Bytes::from_static(&[0]), U256::ZERO, B256::ZERO);
    for edit in [
        StateEdit::Code { address: PROBE, code: code.clone() },
        StateEdit::Code { address: registry::ADDRESS, code },
        StateEdit::Slot { address: registry::ADDRESS, slot, value },
    ] {
        assert!(matches!(chain.edit(&edit), Err(DevError::Refused(_))), "{edit:?}");
    }
    assert_eq!(chain.head().number(), 0);
    chain.edit(&StateEdit::Slot { address: PROBE, slot, value: B256::with_last_byte(1) }).unwrap();
}

#[test]
fn an_account_acts_without_its_key_while_it_is_impersonated() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    // A contract may be impersonated.
    chain.edit(&StateEdit::Code { address: STRANGER, code: Bytes::from_static(&[0]) }).unwrap();
    chain.edit(&StateEdit::Balance { address: STRANGER, balance: U256::from(10).pow(U256::from(18)) }).unwrap();
    let refused = chain.submit(in_the_name_of(STRANGER, 0), Vec::new());
    assert!(matches!(refused, Err(SubmitError::BadSignature)), "{refused:?}");
    chain.impersonate(STRANGER, true).unwrap();
    let hash = chain.submit(in_the_name_of(STRANGER, 0), Vec::new()).unwrap();
    chain.mine(1, None, None).unwrap();
    let head = chain.head();
    assert_eq!((head.senders(), *head.block.transactions[0].tx_hash()), ([STRANGER].as_slice(), hash));
    assert_eq!(balance(&chain, TARGET), U256::ONE);
    // What waits outlives a restart, which ends the impersonation.
    chain.submit(in_the_name_of(STRANGER, 1), Vec::new()).unwrap();
    drop((chain, head));
    let chain = open(dir.path());
    assert_eq!(chain.pool_status().pending, 1);
    let refused = chain.submit(in_the_name_of(STRANGER, 2), Vec::new());
    assert!(matches!(refused, Err(SubmitError::BadSignature)), "{refused:?}");
    chain.mine(1, None, None).unwrap();
    assert_eq!(chain.head().senders(), [STRANGER]);
    let root = chain.head().block.header.state_root;
    drop(chain);
    let replayed = replays(dir.path());
    assert_eq!(replayed.head().block.header.state_root, root);
    assert_eq!(replayed.head().senders(), [STRANGER]);
}

#[test]
fn no_other_chain_takes_any_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open_as(dir.path(), false).unwrap();
    let edit = StateEdit::Balance { address: STRANGER, balance: U256::ONE };
    assert!(matches!(chain.edit(&edit), Err(DevError::NotDevelopment)));
    assert!(matches!(chain.mine(1, None, None), Err(DevError::NotDevelopment)));
    assert!(matches!(chain.snapshot(), Err(DevError::NotDevelopment)));
    assert!(matches!(chain.revert(1), Err(DevError::NotDevelopment)));
    assert!(matches!(chain.impersonate(STRANGER, true), Err(DevError::NotDevelopment)));
    assert!(matches!(
        chain.submit(in_the_name_of(account(1).address(), 0), Vec::new()),
        Err(SubmitError::BadSignature)
    ));
    drop(chain);
    // Nor from a log: the block of a development chain, put after this one's genesis.
    let development = tempfile::tempdir().unwrap();
    let other = open(development.path());
    let edited = other.edit(&edit).unwrap();
    other.impersonate_everybody(true).unwrap();
    other.submit(in_the_name_of(account(1).address(), 0), Vec::new()).unwrap();
    other.mine(1, None, None).unwrap();
    for block in [edited, other.head()] {
        let chain = open_as(dir.path(), false).unwrap();
        let view = chain.view(0).unwrap();
        let (engines, none) = (engines(), caldera_execution::NoComponents);
        let ground = caldera_execution::Ground { view: &view, engines: &engines, components: &none };
        let env = caldera_types::BlockEnv { number: 1, ..spec(false).genesis.env };
        let refused = caldera_execution::execute(ground, env, &block.block).unwrap_err().to_string();
        assert!(refused.contains("are for development chains, which this is not"), "{refused}");
    }
}

#[test]
fn going_back_leaves_nothing_of_what_came_after() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    set_balance(&chain, STRANGER, 1);
    let place = chain.snapshot().unwrap();
    let before = chain.head();
    let gone = chain.submit(transfer(1, 0, 5), Vec::new()).unwrap();
    chain.mine(1, None, None).unwrap();
    let gone_block = chain.head().block.hash();
    set_balance(&chain, STRANGER, 2);
    chain.mine(300, None, None).unwrap();
    let later = chain.snapshot().unwrap();
    chain.submit(transfer(2, 0, 5), Vec::new()).unwrap();
    assert!(chain.revert(place).unwrap());
    assert_eq!(chain.head().block.hash(), before.block.hash());
    assert_eq!((balance(&chain, STRANGER), balance(&chain, TARGET)), (U256::ONE, U256::ZERO));
    assert!(chain.transaction(gone).unwrap().is_none());
    assert_eq!((chain.number_of(gone_block).unwrap(), chain.pool_status().pending), (None, 0));
    assert!(chain.block(before.number() + 1).unwrap().is_none());
    assert_eq!(chain.next_nonce(account(1).address()).unwrap(), 0);
    assert!(!chain.revert(place).unwrap() && !chain.revert(later).unwrap(), "both are used up");

    // The same transaction, again; and all of it outlives the process.
    chain.submit(transfer(1, 0, 5), Vec::new()).unwrap();
    chain.mine(2, None, None).unwrap();
    assert_eq!(balance(&chain, TARGET), U256::from(5));
    let head = chain.head().block.hash();
    drop((chain, before));
    assert_eq!(replays(dir.path()).head().block.hash(), head);
    let chain = open(dir.path());
    assert_eq!((chain.head().block.hash(), chain.pool_status().pending), (head, 0));
    // What the blocks had that are gone does not come back from the journal.
    let place = chain.snapshot().unwrap();
    chain.submit(transfer(1, 1, 5), Vec::new()).unwrap();
    chain.mine(1, None, None).unwrap();
    assert!(chain.revert(place).unwrap());
    drop(chain);
    let chain = open(dir.path());
    assert_eq!((chain.head().block.hash(), chain.pool_status().pending), (head, 0));
}

/// Who listens is told that blocks went before any of those that took their places, however many come at once.
#[test]
fn going_back_is_told_before_what_comes() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let place = chain.snapshot().unwrap();
    chain.mine(10, None, None).unwrap();
    let mut events = chain.events();
    assert!(chain.revert(place).unwrap());
    chain.mine(300, None, None).unwrap();
    assert!(matches!(events.try_recv().unwrap(), ChainEvent::WentBack(0)));
    for number in 1..=300 {
        assert!(matches!(events.try_recv().unwrap(), ChainEvent::Block(block) if block.number() == number));
    }
}

/// Whoever dies between the store's step and the log's finds the log as it was, and nothing taken back.
#[test]
fn going_back_happens_wholly_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("blocks.log");
    let chain = open(dir.path());
    let place = chain.snapshot().unwrap();
    for nonce in 0..5 {
        chain.submit(transfer(1, nonce, 1), Vec::new()).unwrap();
        chain.mine(60, None, None).unwrap();
    }
    let (head, whole) = (chain.head().block.hash(), fs::read(&log).unwrap());
    assert!(chain.revert(place).unwrap());
    assert!(fs::metadata(&log).unwrap().len() < whole.len() as u64);
    drop(chain);
    fs::write(&log, &whole).unwrap();
    let chain = open(dir.path());
    assert_eq!((chain.head().block.hash(), balance(&chain, TARGET)), (head, U256::from(5)));
    chain.mine(1, None, None).unwrap();
}

#[test]
fn blocks_come_when_and_at_what_time_they_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    let time = |number| chain.block(number).unwrap().unwrap().block.header.timestamp;
    chain.mine(1, None, None).unwrap();
    let now = time(1);
    chain.set_next_time(now + 1_000).unwrap();
    chain.mine(2, None, None).unwrap();
    assert_eq!(time(2), now + 1_000);
    assert!((now + 1_000..now + 1_020).contains(&time(3)), "the clock goes on from there");
    assert!(matches!(chain.set_next_time(now), Err(DevError::Past { .. })));
    assert!(chain.increase_time(500).unwrap() >= 1_499);
    chain.mine(3, Some(60), None).unwrap();
    assert!((now + 1_500..now + 1_520).contains(&time(4)));
    assert_eq!((time(5), time(6)), (time(4) + 60, time(4) + 120));
    assert!(matches!(chain.mine(10_001, None, None), Err(DevError::TooMany { .. })));
    assert!(matches!(chain.set_next_time(u64::MAX), Err(DevError::Time)));
    assert!(matches!(chain.increase_time(u64::MAX), Err(DevError::Time)));

    // By itself none comes while that is off, or while a time that was told waits for a transaction.
    chain.set_interval(None).unwrap();
    let producer = chain.start().unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(chain.head().number(), 6);
    let told = time(6) + 10_000;
    chain.set_next_time(told).unwrap();
    chain.set_interval(Some(Duration::from_millis(10))).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(chain.head().number(), 6);
    chain.submit(transfer(1, 0, 1), Vec::new()).unwrap();
    let mut events = chain.events();
    while chain.head().number() < 8 {
        let _ = events.blocking_recv();
    }
    producer.stop();
    assert_eq!((time(7), chain.block(7).unwrap().unwrap().senders().len()), (told, 1));

    let height = chain.head().number();
    chain.set_automine(true).unwrap();
    chain.submit(transfer(1, 1, 1), Vec::new()).unwrap();
    chain.mine_what_came().unwrap();
    assert_eq!(chain.head().number(), height + 1);
    chain.mine_what_came().unwrap();
    assert_eq!(chain.head().number(), height + 1, "nothing waits");
}

/// Processor time of this process's threads of that name so far, in hundredths of a second.
fn cpu(name: &str) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let named = tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name));
    let stats = named.map(|task| fs::read_to_string(task.join("stat")).unwrap());
    // Fields 14 and 15 of proc(5), counted from behind the name.
    let used = |stat: String| {
        stat.rsplit(')').next().unwrap().split(' ').skip(12).take(2).map(|n| n.parse::<u64>().unwrap()).sum::<u64>()
    };
    stats.map(used).sum()
}

/// Its producer once asked without a pause whether a block was due.
#[test]
fn a_chain_whose_blocks_do_not_come_by_themselves_rests() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(dir.path());
    chain.set_interval(None).unwrap();
    let producer = chain.start().unwrap();
    let check = |what: &str| {
        let before = cpu("chain-test");
        std::thread::sleep(Duration::from_secs(1));
        let used = cpu("chain-test") - before;
        assert!(used < 10, "{what}: {used} hundredths of a second in one second");
    };
    check("no interval");
    chain.set_next_time(chain.head().block.header.timestamp + 10_000).unwrap();
    chain.set_interval(Some(Duration::from_millis(10))).unwrap();
    check("a time that was told, and no transaction");
    producer.stop();
}
