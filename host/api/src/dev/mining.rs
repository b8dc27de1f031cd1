//! Blocks when a test wants them, at the times that it wants.

use std::time::Duration;

use alloy_primitives::U64;
use jsonrpsee_core::RegisterMethodError;
use serde::Deserialize;

use super::number::Number;
use crate::{
    args::Args,
    context::ChainApi,
    errors::{Reply, RpcError},
    methods::Param,
    module::Module,
};

const MINE: Param = Param::optional("time or options", "MineOptions");
const BLOCKS: Param = Param::optional("blocks", "Number");
const SPACING: Param = Param::optional("seconds between blocks", "Number");
const TIME: Param = Param::new("time", "Number");
const SECONDS: Param = Param::new("seconds", "Number");
const MILLISECONDS: Param = Param::new("milliseconds", "Number");
const ON: Param = Param::new("on", "Flag");

/// The shortest interval that may be told: blocks are synced to the disk.
const SHORTEST: Duration = Duration::from_millis(10);

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    let about = "Makes a block, at the given time or of the given options.";
    module.development("evm_mine", about, &[MINE], "Text", evm_mine)?;
    let about = "Makes blocks: one if no number is given.";
    for name in ["anvil_mine", "hardhat_mine"] {
        module.development(name, about, &[BLOCKS, SPACING], "Nothing", mine)?;
    }
    let about = "Makes a block with each transaction as it comes, or no longer.";
    for name in ["evm_setAutomine", "anvil_setAutomine"] {
        module.development(name, about, &[ON], "Flag", |api, args| {
            api.chain.set_automine(args.next()?)?;
            Ok(true)
        })?;
    }
    let about = "Whether a block is made with each transaction.";
    for name in ["anvil_getAutomine", "hardhat_getAutomine"] {
        module.development(name, about, &[], "Flag", |api, _| Ok(api.chain.automines()))?;
    }
    let about = "Sets the time between two blocks, in milliseconds; at 0 none comes by itself.";
    module.development("evm_setIntervalMining", about, &[MILLISECONDS], "Flag", |api, args| {
        set_interval(api, Duration::from_millis(args.next::<Number>()?.small("the interval")?))
    })?;
    let about = "Sets the time between two blocks, in seconds; at 0 none comes by itself.";
    module.development("anvil_setIntervalMining", about, &[SECONDS], "Flag", |api, args| {
        set_interval(api, Duration::from_secs(args.next::<Number>()?.small("the interval")?))
    })?;
    let about = "Moves the clock on; gives by how many seconds it is ahead then.";
    for name in ["evm_increaseTime", "anvil_increaseTime"] {
        module.development(name, about, &[SECONDS], "Quantity", increase_time)?;
    }
    let about = "Sets the time of the next block, from which the clock goes on.";
    for name in ["evm_setNextBlockTimestamp", "anvil_setNextBlockTimestamp"] {
        module.development(name, about, &[TIME], "Nothing", |api, args| {
            Ok(api.chain.set_next_time(args.next::<Number>()?.small("the time")?)?)
        })?;
    }
    Ok(())
}

/// What `evm_mine` takes: Hardhat's time, or anvil's and Ganache's options.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
enum Mine {
    At(Number),
    Options { timestamp: Option<Number>, blocks: Option<Number> },
}

fn evm_mine(api: &ChainApi, args: &mut Args<'_>) -> Reply<&'static str> {
    let (time, blocks) = match args.next::<Option<Mine>>()? {
        None => (None, None),
        Some(Mine::At(time)) => (Some(time), None),
        Some(Mine::Options { timestamp, blocks }) => (timestamp, blocks),
    };
    // Some tools write "no time" as 0.
    let time = time.map(|time| time.small("the time")).transpose()?.filter(|time| *time > 0);
    let blocks = blocks.map_or(Ok(1), |blocks| blocks.small("the number of blocks"))?;
    api.chain.mine(blocks, None, time)?;
    Ok("0x0")
}

fn mine(api: &ChainApi, args: &mut Args<'_>) -> Reply<()> {
    let blocks = args.next::<Option<Number>>()?.map_or(Ok(1), |blocks| blocks.small("the number of blocks"))?;
    let spacing = args.next::<Option<Number>>()?.map(|spacing| spacing.small("the interval")).transpose()?;
    Ok(api.chain.mine(blocks, spacing, None)?)
}

fn set_interval(api: &ChainApi, interval: Duration) -> Reply<bool> {
    if !interval.is_zero() && interval < SHORTEST {
        let why = format!("blocks {interval:?} apart are not to be had: at least {SHORTEST:?}, or 0 for none");
        return Err(RpcError::InvalidParams(why));
    }
    api.chain.set_interval(Some(interval).filter(|interval| !interval.is_zero()))?;
    Ok(true)
}

fn increase_time(api: &ChainApi, args: &mut Args<'_>) -> Reply<U64> {
    let ahead = api.chain.increase_time(args.next::<Number>()?.small("the time")?)?;
    // A clock that is behind the machine's is ahead by nothing.
    Ok(U64::from(u64::try_from(ahead).unwrap_or_default()))
}
