//! The pool against the model, over random histories.

use std::sync::Arc;

use alloy_consensus::{Signed, TxEip1559, TxLegacy};
use alloy_primitives::{Address, B256, Bytes, Signature};
use parking_lot::Mutex;
use proptest::prelude::*;

use super::{Candidates, Pool, PoolContent, PoolLimits, PooledTx, displaced::settle, model::Model, waiting::Place};

/// A transaction that nobody signed: the pool does not ask.
pub(super) fn pooled(id: u64, from: u8, nonce: u64, fee: u128, tip: Option<u128>, data: usize) -> Arc<PooledTx> {
    let (hash, signature) = (B256::left_padding_from(&id.to_be_bytes()), Signature::test_signature());
    let input = Bytes::from(vec![1; data]);
    let tx = match tip {
        Some(tip) => {
            let tx =
                TxEip1559 { nonce, max_fee_per_gas: fee, max_priority_fee_per_gas: tip, input, ..Default::default() };
            Signed::new_unchecked(tx, signature, hash).into()
        }
        None => Signed::new_unchecked(TxLegacy { nonce, gas_price: fee, input, ..Default::default() }, signature, hash)
            .into(),
    };
    Arc::new(PooledTx { tx, sender: Address::repeat_byte(from), hash, sidecar: Vec::new() })
}

#[derive(Clone, Debug)]
enum Act {
    Add { from: u8, ahead: u64, fee: u128, tip: Option<u128>, data: usize },
    Again,
    Advance { from: u8, by: u64 },
    Remove { place: usize },
    Block { base_fee: u64, takes: usize },
}

fn act() -> impl Strategy<Value = Act> {
    let add = (0u8..6, 0u64..9, 0u128..60, prop::option::of(0u128..60), prop::sample::select(vec![0, 1, 300, 2_000]));
    let add = add.prop_map(|(from, ahead, fee, tip, data)| {
        // Now and then above what any base fee is.
        let fee = if fee == 59 { u128::from(u64::MAX) } else { fee };
        Act::Add { from, ahead, fee, tip: tip.map(|tip| tip.min(fee)), data }
    });
    prop_oneof![
        12 => add,
        1 => Just(Act::Again),
        1 => (0u8..6, 1u64..4).prop_map(|(from, by)| Act::Advance { from, by }),
        1 => (0usize..40).prop_map(|place| Act::Remove { place }),
        2 => (0u64..70, 0usize..6).prop_map(|(base_fee, takes)| Act::Block { base_fee, takes }),
    ]
}

fn limits() -> impl Strategy<Value = PoolLimits> {
    let bytes = prop::sample::select(vec![9_000, 14_000, 1 << 30]);
    (1usize..24, bytes, 1usize..8, 0u64..7, 0u64..30).prop_map(
        |(transactions, bytes, sender_transactions, nonce_gap, replacement_percent)| PoolLimits {
            transactions,
            bytes,
            sender_transactions,
            nonce_gap,
            replacement_percent,
        },
    )
}

/// All that a block without limits would be offered.
fn drained(pool: &Mutex<Pool>, base_fee: u64) -> Vec<Arc<PooledTx>> {
    let mut candidates = Candidates::with_batch(pool, base_fee, 2);
    let mut all = Vec::new();
    while let Some(tx) = candidates.peek().cloned() {
        all.push(tx);
        candidates.advance();
    }
    all
}

fn check(limits: PoolLimits, acts: Vec<Act>) {
    let (pool, mut model) = (Mutex::new(Pool::new(limits)), Model::new(limits));
    let (mut nonces, mut last) = ([5_u64; 6], None);
    let who = Address::repeat_byte;
    for (id, act) in (0..).zip(acts) {
        match act {
            Act::Add { from, ahead, fee, tip, data } => {
                let state = nonces[usize::from(from)];
                let tx = pooled(id, from, (state + ahead).saturating_sub(1), fee, tip, data);
                let (got, want) = (pool.lock().add(tx.clone(), state), model.add(&tx, state));
                assert_eq!(format!("{got:?}"), format!("{want:?}"), "{tx:?}");
                last = Some((tx, state));
            }
            Act::Again => {
                let Some((tx, _)) = &last else { continue };
                let state = nonces[usize::from(tx.sender[0])];
                let (got, want) = (pool.lock().add(tx.clone(), state), model.add(tx, state));
                assert_eq!(format!("{got:?}"), format!("{want:?}"));
            }
            Act::Advance { from, by } => {
                nonces[usize::from(from)] += by;
                pool.lock().advance([(who(from), nonces[usize::from(from)])]);
                model.advance(who(from), nonces[usize::from(from)]);
            }
            Act::Remove { place } => {
                let content = pool.lock().content(None);
                if let Some(tx) = content.pending.iter().chain(&content.queued).nth(place) {
                    pool.lock().remove(tx);
                    model.remove(tx);
                }
            }
            Act::Block { base_fee, takes } => {
                let order = drained(&pool, base_fee);
                for tx in order.iter().take(takes) {
                    nonces[usize::from(tx.sender[0])] = tx.nonce() + 1;
                }
                for from in 0..6 {
                    pool.lock().advance([(who(from), nonces[usize::from(from)])]);
                    model.advance(who(from), nonces[usize::from(from)]);
                }
                pool.lock().set_base_fee(base_fee);
                model.base_fee = base_fee;
            }
        }
        same(&pool, &model, &nonces);
    }
}

fn same(pool: &Mutex<Pool>, model: &Model, nonces: &[u64; 6]) {
    for base_fee in [0, 1, 20, 30, 45, 59, model.base_fee, u64::MAX] {
        let (got, want) = (drained(pool, base_fee), model.order(base_fee));
        assert_eq!(got, want, "at a base fee of {base_fee}");
    }
    let pool = pool.lock();
    assert_eq!((pool.status(), pool.bytes()), (model.status(), model.bytes()));
    let senders = model.senders();
    let content = pool.content(None);
    let pending: Vec<_> = senders.iter().flat_map(|sender| model.runnable(*sender)).collect();
    let queued = |sender: &Address| model.queue(*sender).into_iter().skip(model.runnable(*sender).len());
    assert_eq!(content.pending, pending);
    assert_eq!(content.queued, senders.iter().flat_map(queued).collect::<Vec<_>>());
    for (from, nonce) in (0..).zip(nonces) {
        let sender = Address::repeat_byte(from);
        assert_eq!(pool.content(Some(sender)).pending, model.runnable(sender));
        let queue = model.queue(sender);
        let free = (*nonce..).find(|nonce| !queue.iter().any(|tx| tx.nonce() == *nonce));
        assert_eq!(pool.next_nonce(sender, *nonce), free.unwrap());
        assert!(queue.iter().all(|tx| pool.get(tx.hash) == Some(tx)));
    }
    // Copying by and by finds each once.
    let (mut place, mut copied) = (Place::default(), Vec::new());
    while let Some((some, next)) = pool.some_from(place, 2_000) {
        copied.extend(some);
        place = next;
    }
    let mut all: Vec<_> = content.pending.into_iter().chain(content.queued).collect();
    all.sort_by_key(|tx| tx.hash);
    copied.sort_by_key(|tx| tx.hash);
    assert_eq!(copied, all);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn it_is_as_the_model_is(limits in limits(), acts in prop::collection::vec(act(), 1..90)) {
        check(limits, acts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Those that the journal could not take cost nobody anything. If others came between, they may have the room of what went; of
    /// what was refused nothing is left all the same.
    #[test]
    fn what_is_refused_leaves_what_there_was(
        limits in limits(),
        before in prop::collection::vec((0u8..6, 0u64..6, 1u128..60), 0..30),
        then in prop::collection::vec((0u8..6, 0u64..6, 1u128..90), 1..20),
        first in 0usize..20,
    ) {
        let mut pool = Pool::new(limits);
        for (id, (from, nonce, fee)) in (0..).zip(before) {
            let _ = pool.add(pooled(id, from, nonce, fee, Some(fee), 0), 0);
        }
        let was = pool.content(None);
        let mut came: Vec<_> = (1_000..).zip(then).map(|(id, (from, nonce, fee))| pooled(id, from, nonce, fee, Some(fee), 0)).collect();
        came.retain(|tx| pool.enter(tx.clone(), 0).is_ok());
        let in_turn = first == 0 || first >= came.len();
        if !in_turn {
            settle(&mut pool, &came.drain(..first).collect::<Vec<_>>(), false);
        }
        settle(&mut pool, &came, false);
        let is = pool.content(None);
        let all = |content: &PoolContent| [&content.pending[..], &content.queued].concat();
        if in_turn {
            assert_eq!((is.pending, is.queued), (was.pending, was.queued));
        } else {
            let was = all(&was);
            assert!(all(&is).iter().all(|tx| was.contains(tx)), "of {} some stays", was.len());
        }
    }
}

/// What was replaced or evicted for one that the journal has does not come back.
#[test]
fn what_is_kept_keeps_its_place() {
    let limits = PoolLimits { transactions: 2, ..PoolLimits::recommended() };
    let mut pool = Pool::new(limits);
    pool.add(pooled(1, 1, 0, 10, Some(10), 0), 0).unwrap();
    pool.add(pooled(2, 2, 0, 10, Some(10), 0), 0).unwrap();
    let (third, fourth) = (pooled(3, 1, 0, 20, Some(20), 0), pooled(4, 3, 0, 20, Some(20), 0));
    pool.enter(third.clone(), 0).unwrap();
    pool.enter(fourth.clone(), 0).unwrap();
    settle(&mut pool, &[third.clone(), fourth.clone()], true);
    settle(&mut pool, &[third, fourth], false);
    assert_eq!(pool.status().pending, 0);
}

/// A refused transaction that would have cost many others their place costs none.
#[test]
fn who_is_refused_evicts_nobody() {
    let each = pooled(0, 0, 0, 1, Some(1), 0).memory();
    let bytes = 10 * each;
    let mut pool = Pool::new(PoolLimits { bytes, ..PoolLimits::recommended() });
    for from in 0..10 {
        let price = if from == 7 { 9 } else { 1 };
        pool.add(pooled(u64::from(from), from, 0, price, Some(price), 0), 0).unwrap();
    }
    let before = pool.content(None);
    let large = pooled(99, 99, 0, 5, Some(5), usize::try_from(bytes - each).unwrap());
    assert!(pool.add(large, 0).unwrap_err().to_string().contains("memory-mib"));
    assert_eq!(pool.content(None).pending, before.pending);
}

/// What a rush left of memory is given back, and the order of coming in goes on.
#[test]
fn an_empty_pool_is_small_again() {
    let mut pool = Pool::new(PoolLimits::recommended());
    for id in 0..100_000 {
        let mut tx = Arc::unwrap_or_clone(pooled(id, 0, 0, 1, Some(1), 0));
        tx.sender = Address::left_padding_from(&id.to_be_bytes());
        pool.add(tx.into(), 0).unwrap();
    }
    let all = pool.content(None).pending;
    pool.advance(all.iter().map(|tx| (tx.sender, 1)));
    assert_eq!((pool.status().pending, pool.bytes()), (0, 0));
    assert!(pool.some_from(Place::default(), 1).is_none(), "its lists are as new");
    pool.add(all[0].clone(), 0).unwrap();
    assert_eq!(pool.status().pending, 1);
}
