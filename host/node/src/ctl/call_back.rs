//! `caldera engine disarm` and `abort`: the governor changes its mind. Nothing but the chain is asked, because this must work
//! on the worst day.

use std::{path::PathBuf, time::Duration};

use alloy_primitives::Address;
use alloy_sol_types::SolCall;
use caldera_execution::registry::{self, abi::IEngineRegistry as abi};
use serde::Serialize;

use super::{CtlError, governor, which_mount};
use crate::{
    output::Report,
    rpc::{Rpc, Watch},
};

/// Gas of either: a record or two in the registry.
const GAS: u64 = 2_000_000;
const WITHIN: Duration = Duration::from_secs(60);

/// What is called back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallBack {
    /// What is armed.
    Armed,
    /// A migration that takes several blocks.
    Migration,
}

/// It was called back.
#[derive(Debug, Serialize)]
pub struct CalledBack {
    event: &'static str,
    /// What.
    pub what: CallBack,
    /// Where.
    pub mount: Address,
    /// The block that called it back.
    pub block: u64,
}

/// Calls it back.
pub async fn call_back(
    rpc: &Rpc,
    what: CallBack,
    mount: Option<Address>,
    key_file: Option<&PathBuf>,
) -> Result<CalledBack, CtlError> {
    let mut sender = governor(rpc, key_file).await?;
    let mount = which_mount(rpc, mount).await?;
    let block = match what {
        CallBack::Armed => send(rpc, &mut sender, abi::disarmCall { mount }).await?,
        CallBack::Migration => send(rpc, &mut sender, abi::abortCall { mount }).await?,
    };
    let event = match what {
        CallBack::Armed => "disarmed",
        CallBack::Migration => "aborted",
    };
    Ok(CalledBack { event, what, mount, block })
}

/// Asks first, so that a refusal is a sentence and not a failed transaction; then sends. Gives the block.
async fn send<C: SolCall + Clone>(rpc: &Rpc, sender: &mut crate::rpc::Sender, call: C) -> Result<u64, CtlError> {
    rpc.call_from(sender.address(), registry::ADDRESS, call.clone()).await?;
    let mut watch = Watch::from_head(rpc).await?;
    let receipts = watch.settle(&[sender.call(registry::ADDRESS, &call, GAS)?], WITHIN).await?;
    Ok(receipts.iter().filter_map(|receipt| receipt.block_number).max().unwrap_or_default())
}

impl Report for CalledBack {
    fn text(&self) -> String {
        match self.what {
            CallBack::Armed => format!("Disarmed in block {}: nothing goes live at {}", self.block, self.mount),
            CallBack::Migration => {
                format!("Aborted in block {}: what the migration at {} wrote is undone", self.block, self.mount)
            }
        }
    }
}
