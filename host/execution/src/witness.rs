//! Making a block's witness: it is executed again on a state that records what is read.

use std::{cell::RefCell, collections::BTreeSet};

use alloy_consensus::Header;
use alloy_primitives::Address;
use caldera_engine::Engines;
use caldera_state::{Recorder, StateError, Witness};
use caldera_types::{BlockEnv, Component, Digest, SealedBlock};

use crate::{ComponentSource, ExecutionError, Ground, HeaderMismatch, execute_sent, registry, seal, verify_header};

/// What a witness is made from.
pub struct Recording<'a> {
    /// Compiled engines.
    pub engines: &'a Engines,
    /// Components that earlier blocks brought.
    pub components: &'a dyn ComponentSource,
    /// The block's environment.
    pub env: BlockEnv,
    /// The block.
    pub block: &'a SealedBlock,
    /// Who sent its transactions.
    pub senders: &'a [Address],
}

/// No witness could be made.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The block could not be executed here.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// The block is not what its execution gives: a witness of it would help nobody.
    #[error(transparent)]
    Header(#[from] HeaderMismatch),
}

impl From<StateError> for RecordError {
    fn from(error: StateError) -> Self {
        Self::Execution(error.into())
    }
}

/// The witness of a block, given the recorder of its parent's state and the headers before it.
pub fn record(
    from: Recording<'_>,
    recorder: Recorder,
    header: &mut dyn FnMut(u64) -> Result<Header, StateError>,
) -> Result<Witness, RecordError> {
    let Recording { engines, components, env, block, senders } = from;
    let components = Asked { below: components, found: RefCell::default() };
    let ground = Ground { view: &recorder, engines, components: &components };
    let mut needed = registry::components(&recorder)?;
    let outcome = execute_sent(ground, env, block, senders)?;
    let update = recorder.root_after(&outcome.diff)?;
    verify_header(&block.header, &seal(&env, block.header.parent_hash, &outcome, update.root))?;
    needed.extend(components.found.into_inner());
    let parent = env.number.saturating_sub(1);
    let oldest = recorder.oldest_hash().map_or(parent, |oldest| oldest.min(parent));
    let headers = (oldest..=parent).rev().map(header).collect::<Result<_, _>>()?;
    Ok(recorder.into_witness(headers, needed))
}

/// Components with a record of those that were asked for and found: staging one anew asks for what is mounted nowhere.
struct Asked<'a> {
    below: &'a dyn ComponentSource,
    found: RefCell<BTreeSet<Digest>>,
}

impl ComponentSource for Asked<'_> {
    fn component(&self, digest: Digest) -> Result<Option<Component>, StateError> {
        let component = self.below.component(digest)?;
        if component.is_some() {
            self.found.borrow_mut().insert(digest);
        }
        Ok(component)
    }
}
