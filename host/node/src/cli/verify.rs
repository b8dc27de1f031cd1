//! `caldera verify` and `caldera witness`.

use std::path::PathBuf;

use clap::Args;

use super::{args::ChainArgs, engine::connect, run::blocking};
use crate::{
    config::CompileConfig,
    error::CommandError,
    node::{self, NodeError},
    output::Output,
    verify::{self, VerifyRequest},
};

/// Arguments of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The block, as `caldera witness` writes it.
    #[arg(long, value_name = "FILE")]
    pub block: PathBuf,
    /// Its witness, as `caldera witness` writes it.
    #[arg(long, value_name = "FILE")]
    pub witness: PathBuf,
    /// Chain id that the block must be of [default: what the witness says]
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<u64>,
}

/// Arguments of `witness`.
#[derive(Debug, Args)]
pub struct WitnessArgs {
    /// The chain.
    #[command(flatten)]
    pub chain: ChainArgs,
    /// Height, tag or hash of the block.
    #[arg(long, value_name = "BLOCK", default_value = "latest")]
    pub block: String,
    /// Folder of the two files.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub out: PathBuf,
}

/// Verifies a block from two files: no chain, no database, no network.
pub async fn verify(args: VerifyArgs, output: Output) -> Result<(), CommandError> {
    let VerifyArgs { block, witness, chain_id } = args;
    let request = VerifyRequest { block, witness, chain_id };
    let engines = node::engines(1, None, &CompileConfig::default()).map_err(NodeError::from)?;
    output.report(&blocking(move || verify::run(&request, &engines)).await?);
    Ok(())
}

/// Writes a block and its witness into files.
pub async fn witness(args: WitnessArgs, output: Output) -> Result<(), CommandError> {
    let rpc = connect(&args.chain)?;
    output.report(&verify::write(&rpc, &args.block, &args.out).await?);
    Ok(())
}
