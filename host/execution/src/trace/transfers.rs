//! Transfers of wei as logs, for `eth_simulateV1` (<https://github.com/ethereum/execution-apis/pull/484>).
//!
//! Geth's rule: the logs of a frame, made or real, go when the frame fails. revm tells of a frame before the checkpoint that
//! it turns back to, so a log in the journal would stay; these are kept beside it, frame by frame.

use alloy_primitives::{Address, B256, Log, LogData, U256};
use revm::{
    Inspector,
    context_interface::{ContextTr, JournalTr},
    interpreter::{CallInputs, CallOutcome, CreateInputs, CreateOutcome},
};
use revm_inspectors::transfer::{TRANSFER_EVENT_TOPIC, TRANSFER_LOG_EMITTER};

/// The logs of a transaction, with one for each transfer.
#[derive(Debug, Default)]
pub(super) struct Transfers {
    /// Of frames that succeeded, in the order in which they were left.
    logs: Vec<Log>,
    /// Where the logs of each open frame begin.
    open: Vec<usize>,
}

impl Transfers {
    /// The logs, those of the EVM among them.
    pub(super) fn into_logs(self) -> Vec<Log> {
        self.logs
    }

    fn begin(&mut self) {
        self.open.push(self.logs.len());
    }

    fn end(&mut self, succeeded: bool) {
        let begin = self.open.pop();
        if let Some(begin) = begin.filter(|_| !succeeded) {
            self.logs.truncate(begin);
        }
    }

    fn transfer(&mut self, from: Address, to: Address, value: U256) {
        if value.is_zero() {
            return;
        }
        let topics = vec![TRANSFER_EVENT_TOPIC, from.into_word(), to.into_word()];
        let data = LogData::new_unchecked(topics, B256::from(value).into());
        self.logs.push(Log { address: TRANSFER_LOG_EMITTER, data });
    }
}

impl<CTX: ContextTr> Inspector<CTX> for Transfers {
    fn log(&mut self, _ctx: &mut CTX, log: Log) {
        self.logs.push(log);
    }

    fn call(&mut self, _ctx: &mut CTX, inputs: &mut CallInputs) -> Option<CallOutcome> {
        self.begin();
        if let Some(value) = inputs.transfer_value() {
            self.transfer(inputs.transfer_from(), inputs.transfer_to(), value);
        }
        None
    }

    fn call_end(&mut self, _ctx: &mut CTX, _inputs: &CallInputs, outcome: &mut CallOutcome) {
        self.end(outcome.result.is_ok());
    }

    fn create(&mut self, ctx: &mut CTX, inputs: &mut CreateInputs) -> Option<CreateOutcome> {
        self.begin();
        // What cannot be read is an error that revm meets next.
        let creator = ctx.journal_mut().load_account(inputs.caller()).ok()?;
        let created = inputs.created_address(creator.data.info.nonce);
        self.transfer(inputs.caller(), created, inputs.value());
        None
    }

    fn create_end(&mut self, _ctx: &mut CTX, _inputs: &CreateInputs, outcome: &mut CreateOutcome) {
        self.end(outcome.result.is_ok());
    }

    fn selfdestruct(&mut self, contract: Address, target: Address, value: U256) {
        self.transfer(contract, target, value);
    }
}
