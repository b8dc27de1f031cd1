//! What a chain that follows takes of its leader, and what it says of the rest.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::{path::Path, sync::Arc, time::Duration};

use alloy_consensus::{Header, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use caldera_chain::{Alarm, Chain, ChainEvent, ChainSpec, FollowError, PoolOptions};
use caldera_state::{StateOptions, StateView};
use caldera_testkit::{account, engines, genesis, sign};
use caldera_types::{Block, SealedBlock};

const TIME: Duration = Duration::from_secs(5);
const TARGET: Address = Address::repeat_byte(0x77);

fn open(dir: &Path) -> Arc<Chain> {
    let spec = ChainSpec {
        name: "test".into(),
        genesis: genesis(&["probe-v1"]),
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    };
    Chain::open(spec, dir, StateOptions::recommended(), engines(), &mut |_| {}).unwrap()
}

fn transfer(nonce: u64) -> TxEnvelope {
    sign(&account(1), nonce, TxKind::Call(TARGET), U256::ONE, 21_000, Bytes::new())
}

/// A leader with blocks, and who is to follow it.
struct Pair {
    leader: Arc<Chain>,
    follower: Arc<Chain>,
    _dirs: [tempfile::TempDir; 2],
}

impl Pair {
    fn new(blocks: u64) -> Self {
        let dirs = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let [leader, follower] = [&dirs[0], &dirs[1]].map(|dir| open(dir.path()));
        follower.begin_following("http://leader".into());
        for nonce in 0..blocks {
            leader.submit(transfer(nonce), Vec::new()).unwrap();
            leader.produce_block(1_800_000_000 + nonce, TIME).unwrap();
        }
        Self { leader, follower, _dirs: dirs }
    }

    fn block(&self, number: u64) -> SealedBlock {
        self.leader.logged_block(number).unwrap().unwrap()
    }
}

#[test]
fn it_takes_what_it_has_executed_to_the_same_roots() {
    let pair = Pair::new(5);
    let mut events = pair.follower.events();
    // Sent here before, as by way of this node: it waits until a block has it.
    pair.follower.submit(transfer(0), Vec::new()).unwrap();
    assert_eq!(pair.follower.pool_status().pending, 1);
    for number in 1..=5 {
        let taken = pair.follower.follow(&pair.block(number)).unwrap();
        assert_eq!(*taken, *pair.leader.block(number).unwrap().unwrap());
    }
    assert_eq!(pair.follower.pool_status().pending, 0);
    assert_eq!(pair.follower.view(5).unwrap().account(TARGET).unwrap().unwrap().balance, U256::from(5));
    let mut heard = 0;
    while let Ok(event) = events.try_recv() {
        heard += u64::from(matches!(event, ChainEvent::Block(_)));
    }
    assert_eq!(heard, 5, "subscribers hear of them");
}

/// A block that was tampered with is refused with what differs, and the honest one is taken all the same.
fn check(tamper: impl Fn(&mut Block), has_own_root: bool, why: &str) {
    let pair = Pair::new(2);
    pair.follower.follow(&pair.block(1)).unwrap();
    let honest = pair.block(2);
    let mut block = Block::clone(&honest);
    tamper(&mut block);
    let block_is_whole = block.transactions == honest.transactions;
    let forged = block.seal();
    let Err(FollowError::Differs(alarm)) = pair.follower.follow(&forged) else { panic!("it must be refused: {why}") };
    let Alarm { number, leader_hash, leader_root, own_root, why: said } = &*alarm;
    assert_eq!((*leader_hash, *leader_root), (forged.hash(), forged.header.state_root));
    assert_eq!(*number, forged.header.number);
    assert_eq!(own_root.is_some(), has_own_root, "{alarm:?}");
    if alarm.is_root_mismatch() && block_is_whole {
        assert_eq!(*own_root, Some(honest.header.state_root));
    }
    assert!(said.contains(why), "{said}");
    assert_eq!(pair.follower.head().number(), 1);
    pair.follower.follow(&honest).unwrap();
}

#[test]
fn what_differs_is_named() {
    let false_root = B256::repeat_byte(0xbd);
    let header = |change: fn(&mut Header)| move |block: &mut Block| change(&mut block.header);
    check(move |block| block.header.state_root = false_root, true, "state root");
    check(header(|header| header.receipts_root = B256::ZERO), true, "receipts root");
    check(header(|header| header.gas_used += 1), true, "gas used");
    check(header(|header| header.extra_data = Bytes::from_static(b"x")), true, "extra data");
    check(header(|header| header.requests_hash = Some(B256::ZERO)), true, "hash");
    check(header(|header| header.parent_hash = B256::ZERO), false, "the newest block here is 1");
    check(header(|header| header.number = 3), false, "the newest block here is 1");
    check(|block| block.transactions.clear(), true, "gas used");
    check(|block| block.transactions[0] = transfer(7), false, "nonce");
    let stranger = caldera_types::impersonation(Address::repeat_byte(9));
    let unsigned = alloy_consensus::TxEip1559::default();
    let unsigned: TxEnvelope = alloy_consensus::SignableTransaction::into_signed(unsigned, stranger).into();
    check(move |block| block.transactions.push(unsigned.clone()), false, "development chains");
}

#[test]
fn following_is_one_way() {
    let pair = Pair::new(1);
    assert!(pair.follower.follows() && !pair.leader.follows());
    let stands = pair.follower.follow_status().unwrap();
    assert_eq!((stands.leader.as_str(), stands.leader_head, stands.waits), ("http://leader", None, None));
    pair.follower.heard_of_leader(Some(1), Some("nobody answers".into()));
    pair.follower.heard_of_leader(None, None);
    let stands = pair.follower.follow_status().unwrap();
    assert_eq!((stands.leader_head, stands.waits), (Some(1), None));
}
