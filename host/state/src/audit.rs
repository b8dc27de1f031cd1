//! Everything in a store against the log and against itself: what `caldera db verify` reads.
//!
//! Each block's header, hash, transactions, components and receipts are held against the block in the log; each node and
//! each code below every state root against its hash. What is not needed for that is counted as stray: it harms nobody.

use alloy_consensus::{Transaction as _, proofs};
use alloy_primitives::B256;
use caldera_types::{SealedBlock, TxReceipt, is_system_transaction};

use crate::{
    error::{Blame, StateError},
    history, keys,
    log::BlockLog,
    nodes::{Nodes, pack},
    roots,
    store::Store,
    tour::{Met, Tour},
    tx_index::TxIndex,
};

/// Findings that are kept: who has as many rebuilds the store in any case.
const MOST_FINDINGS: usize = 100;

/// What an audit read and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    /// Blocks, each with its header, hash and receipts.
    pub blocks: u64,
    /// Transactions that are found by their hash.
    pub transactions: u64,
    /// State roots below which everything was read.
    pub roots: u64,
    /// Trie nodes that hash to their keys.
    pub nodes: u64,
    /// Codes that hash to their keys.
    pub codes: u64,
    /// Stored nodes that no root leads to.
    pub stray_nodes: u64,
    /// What is wrong, the first hundred; empty in a sound store.
    pub findings: Vec<Finding>,
}

/// Something that is wrong in a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Height of the block that it was met at.
    pub block: u64,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "block {}: {}", self.block, self.what)
    }
}

/// What is audited.
#[derive(Clone, Copy)]
pub(crate) struct Of<'a> {
    pub store: &'a dyn Store,
    pub nodes: &'a Nodes,
    pub log: &'a BlockLog,
    pub index: &'a TxIndex,
}

/// Reads everything up to a height; calls `progress` with each block's. State roots below `first_state` are left out.
pub(crate) fn audit(
    of: Of<'_>,
    heights: std::ops::RangeInclusive<u64>,
    first_state: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<Audit, StateError> {
    let Of { store, nodes, log, index } = of;
    let mut auditor = Auditor { store, index, tour: Tour::new(store, nodes), audit: Audit::default(), at: 0 };
    let last = heights.clone().last();
    for number in heights {
        let block = log.block(number)?.ok_or(StateError::UnknownBlock(number))?;
        auditor.at = number;
        auditor.block(&block)?;
        if number >= first_state {
            auditor.state(number, block.header.state_root)?;
        }
        progress(number);
    }
    // In parts, because a store may collect what it is asked for.
    let stored = last.map_or(Ok(0), |last| {
        (0..=last).try_fold(0u64, |count, number| {
            store
                .scan(&keys::nodes_of(number))
                .try_fold(count, |count, entry| entry.map(|(key, entry)| count + pack::count(&key, &entry)))
        })
    })?;
    let mut audit = auditor.audit;
    audit.stray_nodes = stored.saturating_sub(audit.nodes);
    if let Some(first) = audit.findings.first() {
        store.condemn(&first.to_string());
    }
    Ok(audit)
}

struct Auditor<'a> {
    store: &'a dyn Store,
    index: &'a TxIndex,
    tour: Tour<'a>,
    audit: Audit,
    /// Height of the block that is looked at.
    at: u64,
}

impl Auditor<'_> {
    fn block(&mut self, block: &SealedBlock) -> Result<(), StateError> {
        let number = block.header.number;
        let header = self.look("its header", history::header(self.store, number))?;
        self.expect(header == Some((block.hash(), block.header.clone())), "its header is missing or another's");
        let found = self.look("its hash", history::number_of(self.store, block.hash()))?;
        self.expect(found == Some(number), "it is not found by its hash");
        for (index, tx) in (0u32..).zip(&block.transactions) {
            let hash = *tx.tx_hash();
            let place = self.look("a transaction's place", self.index.find(self.store, hash))?;
            // Two of the chain's own may look alike; the later one is found.
            let later = is_system_transaction(tx) && place.is_some_and(|place| place > (number, index));
            self.expect(
                later || place == Some((number, index)),
                &format!("transaction {hash} is not found by its hash"),
            );
            self.audit.transactions += 1;
        }
        for component in &block.sidecar {
            let digest = component.digest();
            let first = self.look("a component's block", history::component(self.store, digest))?;
            self.expect(first.is_some_and(|first| first <= number), &format!("component {digest} is not found"));
        }
        if let Some(receipts) = self.look("its receipts", history::receipts(self.store, number))? {
            self.receipts(block, &receipts);
        } else {
            self.expect(false, "its receipts are missing");
        }
        self.audit.blocks += 1;
        Ok(())
    }

    fn receipts(&mut self, block: &SealedBlock, receipts: &[TxReceipt]) {
        if let Some(fault) = receipts_fault(block, receipts) {
            note(&mut self.audit, self.at, fault);
        }
    }

    fn state(&mut self, number: u64, root: B256) -> Result<(), StateError> {
        let found = self.look("its state's root", roots::get(self.store, number))?;
        let Some(root) = found.filter(|found| found.hash == root) else {
            self.expect(false, "its state's root is missing or another's");
            return Ok(());
        };
        loop {
            let audit = &mut self.audit;
            let mut met = |met: Met<'_>| {
                match met {
                    Met::Node(..) => audit.nodes += 1,
                    Met::Code(..) => audit.codes += 1,
                }
                Ok(())
            };
            match self.tour.walk(root, &mut met) {
                Ok(()) => break,
                Err(error) if error.blame() == Blame::Data => note(&mut self.audit, self.at, error.to_string()),
                Err(error) => return Err(error),
            }
        }
        self.audit.roots += 1;
        Ok(())
    }

    /// Damage is a finding; that the file system refuses is an error.
    fn look<T>(&mut self, what: &str, found: Result<Option<T>, StateError>) -> Result<Option<T>, StateError> {
        match found {
            Err(error) if error.blame() == Blame::Data => {
                note(&mut self.audit, self.at, format!("{what}: {error}"));
                Ok(None)
            }
            found => found,
        }
    }

    fn expect(&mut self, holds: bool, what: &str) {
        if !holds {
            note(&mut self.audit, self.at, what.to_owned());
        }
    }
}

/// What is wrong with the receipts of a block.
pub(crate) fn receipts_fault(block: &SealedBlock, receipts: &[TxReceipt]) -> Option<String> {
    let header = &block.header;
    let consensus: Vec<_> = receipts.iter().map(|receipt| &receipt.consensus).collect();
    let root = proofs::calculate_receipt_root(&consensus);
    if root != header.receipts_root || receipts.len() != block.transactions.len() {
        return Some("its receipts are not those of the header".to_owned());
    }
    let mut used = Some(0u64);
    for (receipt, tx) in receipts.iter().zip(&block.transactions) {
        // A stranger's may name any.
        used = used.and_then(|used| used.checked_add(receipt.gas_used));
        let sums = Some(receipt.consensus.cumulative_gas_used()) == used;
        let price = tx.effective_gas_price(header.base_fee_per_gas);
        let paid = is_system_transaction(tx) || receipt.effective_gas_price == price;
        if !(sums && paid) {
            return Some(format!("the receipt of {} names another gas or price", tx.tx_hash()));
        }
    }
    None
}

fn note(audit: &mut Audit, block: u64, what: String) {
    if audit.findings.len() < MOST_FINDINGS {
        audit.findings.push(Finding { block, what });
    }
}
