//! A chain whose disk is full, wherever a block meets that: it waits, and goes on when there is space.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy_primitives::{Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use caldera_state::{Batch, ChainState, MemoryStore, StateOptions, Store, StoreError};
use caldera_testkit::{PROBE, account, engines, genesis, sign};
use caldera_types::is_system_transaction;
use probe_engine::IProbe;

use super::Chain;
use crate::{pool::PoolOptions, replay, spec::ChainSpec};

/// A store whose disk is full after so many reads: then nothing else comes from it until there is space.
struct Filling {
    entries: MemoryStore,
    reads_left: AtomicU64,
    met: AtomicBool,
}

impl Filling {
    fn fill_after(&self, reads: u64) {
        self.met.store(false, Ordering::SeqCst);
        self.reads_left.store(reads, Ordering::SeqCst);
    }

    fn check(&self, reads: u64) -> Result<(), StoreError> {
        let left = self.reads_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(reads));
        if left.is_ok_and(|left| left > 0) {
            return Ok(());
        }
        self.met.store(true, Ordering::SeqCst);
        Err(StoreError::Io(std::io::ErrorKind::StorageFull.into()))
    }
}

impl Store for Filling {
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.check(1)?;
        self.entries.get(key)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.check(0)?;
        self.entries.commit(batch)
    }

    fn scan<'a>(&'a self, prefix: &[u8]) -> Box<dyn Iterator<Item = Result<(Vec<u8>, Bytes), StoreError>> + 'a> {
        match self.check(1) {
            Ok(()) => self.entries.scan(prefix),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.check(0)
    }
}

#[test]
fn a_full_disk_that_is_met_by_any_read_of_a_block_is_waited_for() {
    let store = Arc::new(Filling { entries: MemoryStore::default(), reads_left: u64::MAX.into(), met: false.into() });
    let spec = ChainSpec {
        name: "test".into(),
        genesis: genesis(&["probe-v1"]),
        block_interval: Duration::from_millis(20),
        pool: PoolOptions::recommended(),
    };
    // Without caches, so that everything is read.
    let options = StateOptions { flat_cache_bytes: 0, node_cache_bytes: 0, ..StateOptions::recommended() };
    let (dir, engines) = (tempfile::tempdir().unwrap(), engines());
    let state = ChainState::open_with(dir.path(), store.clone(), options).unwrap();
    let head = replay::catch_up(&spec, &state, &engines, &mut |_| {}).unwrap();
    let chain = Chain::assemble(spec, dir.path(), state, engines, head).unwrap();
    let make = || chain.produce_block(chain.head().block.header.timestamp + 1, Duration::from_secs(5));
    let mut failed = 0;
    for nonce in 0..1_000 {
        let call = IProbe::setCall { key: Bytes::from_static(b"key"), value: Bytes::from(vec![nonce as u8; 40]) };
        let call = call.abi_encode().into();
        let tx = sign(&account(0), nonce, TxKind::Call(PROBE), U256::ZERO, 2_000_000, call);
        chain.submit(tx, Vec::new()).unwrap();
        // What is written behind the last block may have met it too.
        while chain.state.flush().is_err() {
            chain.state.try_again().unwrap();
        }
        let head = chain.head().number();
        // Every few, since a block reads some hundreds of times.
        store.fill_after(nonce * 7);
        let mut made = make();
        let met = store.met.load(Ordering::SeqCst);
        if let Err(error) = &made {
            assert!(met && error.may_pass(), "after {} reads: {error}", nonce * 7);
            assert_eq!(chain.head().number(), head);
            failed += 1;
            assert!(make().unwrap_err().may_pass(), "there is still no space");
            store.fill_after(u64::MAX);
            made = make();
        }
        store.fill_after(u64::MAX);
        let block = made.unwrap();
        assert_eq!(block.number(), head + 1);
        let users = block.block.transactions.iter().filter(|tx| !is_system_transaction(tx)).count();
        assert_eq!(users, 1, "after {} reads the transaction still waits", nonce * 7);
        // A block may find all that it reads in what is still being written.
        if !met && failed > 5 {
            break;
        }
    }
    assert!(failed > 5, "{failed} blocks met it");
}
