//! What a development chain lets its user do beyond what a chain does: make blocks when told to, at times that are told,
//! change the state by hand, act in somebody's name, and go back to where it was.
//!
//! Only a chain whose genesis says so has any of it; what of it changes the state is in its blocks, so that a replay gives
//! the same. What is kept here (snapshots, the clock, who is impersonated) is this process's own and ends with it.

mod clock;
mod drop;
mod error;
mod mining;
mod revert;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use alloy_primitives::Address;
use caldera_execution::{BlockExecutor, Ground, StateEdit, TxError};
use caldera_types::{Author, SYSTEM_ADDRESS, edit_transaction};
use parking_lot::Mutex;

pub(crate) use clock::Clock;
pub use error::DevError;
pub(crate) use mining::Mining;
use revert::Snapshots;

use crate::{
    builder::Built,
    chain::Chain,
    error::{ChainError, SubmitError},
    executed::ExecutedBlock,
    source::LoggedComponents,
};

/// How long a block that was asked for takes transactions in.
const TAKES_IN: Duration = Duration::from_secs(2);

/// What the user of a development chain has told it.
#[derive(Default)]
pub(crate) struct Dev {
    /// Held while a block is made: a time that was told is one block's.
    pub(crate) clock: Mutex<Clock>,
    pub(crate) mining: Mutex<Mining>,
    snapshots: Mutex<Snapshots>,
    impersonated: Mutex<Impersonated>,
}

#[derive(Default)]
struct Impersonated {
    everybody: bool,
    some: BTreeSet<Address>,
}

impl Chain {
    /// Whether this is a development chain.
    pub fn is_development(&self) -> bool {
        self.spec.genesis.development
    }

    fn must_be_development(&self) -> Result<(), DevError> {
        if let Some(status) = self.follow_status() {
            return Err(DevError::Follows(status.leader));
        }
        if self.is_development() { Ok(()) } else { Err(DevError::NotDevelopment) }
    }

    /// Lets transactions without a signature act in an account's name, or no longer.
    pub fn impersonate(&self, address: Address, on: bool) -> Result<(), DevError> {
        self.must_be_development()?;
        let some = &mut self.dev.impersonated.lock().some;
        if on {
            some.insert(address)
        } else {
            some.remove(&address)
        };
        Ok(())
    }

    /// The same for all accounts.
    pub fn impersonate_everybody(&self, on: bool) -> Result<(), DevError> {
        self.must_be_development()?;
        self.dev.impersonated.lock().everybody = on;
        Ok(())
    }

    /// Whether transactions without a signature may act in an account's name.
    pub fn is_impersonated(&self, address: Address) -> bool {
        let impersonated = self.dev.impersonated.lock();
        self.is_development() && (impersonated.everybody || impersonated.some.contains(&address))
    }

    /// Whether a transaction that nobody signed may come in.
    pub(crate) fn lets_in(&self, author: Author) -> Result<(), SubmitError> {
        match author {
            Author::Signer => Ok(()),
            Author::Impersonator(address) if self.is_impersonated(address) => Ok(()),
            Author::Impersonator(_) | Author::Chain | Author::Editor => Err(SubmitError::BadSignature),
        }
    }

    /// Changes the state by hand: in a block of its own, which is the head when this returns. It has the time of the block
    /// before, and takes no transactions from the pool.
    pub fn edit(&self, edit: &StateEdit) -> Result<Arc<ExecutedBlock>, DevError> {
        self.must_be_development()?;
        self.must_work()?;
        let _clock = self.dev.clock.lock();
        let _writer = self.writer.lock();
        self.catch_up()?;
        let parent = self.head();
        let env = self.env_after(&parent, parent.block.header.timestamp);
        self.must_be_ready(env.number)?;
        let tx = edit_transaction(env.chain_id, env.number, edit.input());
        let (view, components, engines) = (self.state.flat(), LoggedComponents(&self.state), self.engines.at_hand());
        let failed = |error| ChainError::Execution { number: env.number, error };
        let ground = Ground { view: &view, engines: &engines, components: &components };
        let mut executor = BlockExecutor::begin(ground, env).map_err(failed)?;
        executor.apply(&tx, SYSTEM_ADDRESS).map_err(|error| match error {
            TxError::Refused(why) => DevError::Refused(why),
            TxError::Node(error) => failed(error).into(),
        })?;
        let outcome = executor.finish().map_err(failed)?;
        let senders = vec![SYSTEM_ADDRESS; outcome.transactions.len()];
        let built = Built { outcome, senders, dropped: Vec::new() };
        Ok(self.take_in(&parent, env, built, None, None)?)
    }

    /// A chain that has halted does nothing by hand either.
    fn must_work(&self) -> Result<(), DevError> {
        self.halted().map_or(Ok(()), |why| Err(DevError::Halted(why)))
    }
}
