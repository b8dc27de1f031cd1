//! Everything in a folder against everything else.

use std::{path::Path, sync::Arc};

use super::{LogStats, read_log, source};
use crate::{
    audit::{self, Audit, Finding},
    chain_state::check_in_log,
    error::{Blame, StateError},
    folder::FolderLock,
    head::HeadRecord,
    log::BlockLog,
    nodes::Nodes,
    options::StateOptions,
    prune::KeptRecord,
    tx_index::TxIndex,
    verify::read_head,
};

/// What was read and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The block log.
    pub log: LogStats,
    /// Where the store stands; none if it is empty or does not open. What the log has above it is executed at the next start.
    pub head: Option<HeadRecord>,
    /// The first block whose state is kept.
    pub first_state: u64,
    /// What was read of the store, and everything that is wrong.
    pub audit: Audit,
}

/// Reads the log, then everything in the store, and calls `progress` with the height of each block of the latter. Damage is a
/// finding; that something cannot be read is an error. A store in which something is wrong is marked, so that the next start
/// of a node executes the log again; nothing else is changed.
pub fn verify(dir: &Path, options: StateOptions, progress: &mut dyn FnMut(u64)) -> Result<Verified, StateError> {
    let _lock = FolderLock::take_existing(dir)?;
    let mut verified = Verified::default();
    match read_log(dir, &mut |_| {}) {
        Ok(log) => verified.log = log,
        // Without its blocks nothing can be said of the store.
        Err(error) if error.blame() == Blame::Data => return Ok(verified.with(0, error.to_string())),
        Err(error) => return Err(error.into()),
    }
    let source = source(dir, options);
    if !source.path.is_dir() {
        return Ok(verified);
    }
    let opened = source.open_unchecked().map_err(StateError::from);
    let opened = opened.and_then(|store| Ok((read_head(&*store)?, KeptRecord::read(&*store)?, store)));
    let (head, kept, store) = match opened {
        Ok(opened) => opened,
        Err(error) if error.blame() == Blame::Data => return Ok(verified.with(0, error.to_string())),
        Err(error) => return Err(error),
    };
    verified.first_state = kept.map_or(0, |record| record.from);
    let Some(head) = head else { return Ok(verified) };
    verified.head = Some(head);
    let log = BlockLog::open_as_is(dir)?;
    match check_in_log(&log, &head) {
        Ok(()) => {}
        Err(error) if error.blame() == Blame::Data => return Ok(verified.with(head.number, error.to_string())),
        Err(error) => return Err(error),
    }
    let nodes = Nodes::new(Arc::clone(&store), 0);
    let index = match TxIndex::open_to_read(&*store, &log, Some(head.number)) {
        Ok(index) => index,
        Err(error) if error.blame() == Blame::Data => {
            store.condemn(&error.to_string());
            return Ok(verified.with(head.number, error.to_string()));
        }
        Err(error) => return Err(error),
    };
    let of = audit::Of { store: &*store, nodes: &nodes, log: &log, index: &index };
    verified.audit = audit::audit(of, log.first()..=head.number, verified.first_state, progress)?;
    Ok(verified)
}

impl Verified {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.audit.findings.is_empty()
    }

    fn with(mut self, block: u64, what: String) -> Self {
        self.audit.findings.push(Finding { block, what });
        self
    }
}
