//! `caldera verify` and `caldera witness`: a block and all that it reads in two files, and its execution from them alone.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use alloy_primitives::{B256, Bytes, U64};
use alloy_rlp::Decodable as _;
use caldera_engine::Engines;
use caldera_state::WitnessError;
use caldera_types::Block;
use caldera_validation::{VerifyError, WitnessFile, verify};
use jsonrpsee_core::{params::ArrayParams, rpc_params};
use serde::{Deserialize, Serialize};

use crate::{
    output::{self, Report},
    rpc::{Rpc, RpcError},
};

/// Why a block is not verified, or its files not written.
#[derive(Debug, thiserror::Error)]
pub enum VerifyCommandError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The block's file.
    #[error("{} holds no block: {why}", path.display())]
    Block {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: alloy_rlp::Error,
    },
    /// The witness's file.
    #[error("{}: {why}", path.display())]
    Witness {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: WitnessError,
    },
    /// It is of another chain than was asked for.
    #[error("the witness says that it is of chain {given}, not of {asked}")]
    OtherChain {
        /// What the file says.
        given: u64,
        /// What was asked for.
        asked: u64,
    },
    /// The block is not what its execution gives, or the witness is not the block's.
    #[error("block {number} is NOT verified: {why}")]
    Refused {
        /// Its height.
        number: u64,
        /// Why.
        why: Box<VerifyError>,
    },
    /// The node that has the block.
    #[error(transparent)]
    Rpc(#[from] RpcError),
}

/// What to verify.
#[derive(Clone, Debug)]
pub struct VerifyRequest {
    /// The block, as it is logged.
    pub block: PathBuf,
    /// Its witness.
    pub witness: PathBuf,
    /// The chain that it must be of; what the witness says if none is named.
    pub chain_id: Option<u64>,
}

/// A block is what its execution gives.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedBlock {
    event: &'static str,
    chain_id: u64,
    number: u64,
    hash: B256,
    parent_hash: B256,
    state_root: B256,
    receipts_root: B256,
    transactions: usize,
    witness_bytes: usize,
    trie_nodes: usize,
    components: usize,
    seconds: f64,
}

impl Report for VerifiedBlock {
    fn text(&self) -> String {
        format!(
            "Block {} of chain {} is verified: {} transactions in {}\n  hash           {}\n  parent         {} (taken as given)\n  \
             state root     {}\n  receipts root  {}\n  witness        {}, {} trie nodes, {} components",
            self.number,
            self.chain_id,
            self.transactions,
            output::duration(std::time::Duration::from_secs_f64(self.seconds)),
            self.hash,
            self.parent_hash,
            self.state_root,
            self.receipts_root,
            output::bytes(self.witness_bytes as u64),
            self.trie_nodes,
            self.components
        )
    }
}

fn read(path: &Path) -> Result<Vec<u8>, VerifyCommandError> {
    fs::read(path).map_err(|source| VerifyCommandError::File { action: "read", path: path.to_owned(), source })
}

/// Executes a block from its two files.
pub fn run(request: &VerifyRequest, engines: &Engines) -> Result<VerifiedBlock, VerifyCommandError> {
    let VerifyRequest { block: path, witness, chain_id } = request;
    let bytes = read(path)?;
    let block: Result<Block, _> = Block::decode(&mut bytes.as_slice());
    let block = block.map_err(|why| VerifyCommandError::Block { path: path.clone(), why })?;
    let file = WitnessFile::decode(&read(witness)?);
    let file = file.map_err(|why| VerifyCommandError::Witness { path: witness.clone(), why })?;
    let given = file.rules.chain_id;
    if let Some(asked) = chain_id.filter(|asked| *asked != given) {
        return Err(VerifyCommandError::OtherChain { given, asked });
    }
    let began = Instant::now();
    let verified = verify(&file.rules, &block, &file.witness, engines, &file.components);
    let number = block.header.number;
    let verified = verified.map_err(|why| VerifyCommandError::Refused { number, why: Box::new(why) })?;
    Ok(VerifiedBlock {
        event: "verified",
        chain_id: given,
        number,
        hash: verified.block_hash,
        parent_hash: verified.parent_hash,
        state_root: verified.state_root,
        receipts_root: verified.receipts_root,
        transactions: block.transactions.len(),
        witness_bytes: file.witness.encoded_bytes(),
        trie_nodes: file.witness.nodes.len(),
        components: file.components.len(),
        seconds: began.elapsed().as_secs_f64(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WitnessAnswer {
    number: U64,
    hash: B256,
    block: Bytes,
    witness: Bytes,
}

/// Two files were written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WitnessWritten {
    event: &'static str,
    number: u64,
    hash: B256,
    block: PathBuf,
    witness: PathBuf,
    block_bytes: usize,
    witness_bytes: usize,
}

impl Report for WitnessWritten {
    fn text(&self) -> String {
        format!(
            "Block {}, {}\n  block    {} ({})\n  witness  {} ({}, with components)\nNext: caldera verify --block {} --witness {}",
            self.number,
            self.hash,
            self.block.display(),
            output::bytes(self.block_bytes as u64),
            self.witness.display(),
            output::bytes(self.witness_bytes as u64),
            self.block.display(),
            self.witness.display()
        )
    }
}

/// Asks a node for a block and its witness, and writes both into a folder. `block` is a height, a tag or a hash.
pub async fn write(rpc: &Rpc, block: &str, out: &Path) -> Result<WitnessWritten, VerifyCommandError> {
    let params: ArrayParams = match block.parse::<u64>() {
        Ok(number) => rpc_params![U64::from(number)],
        Err(_) => rpc_params![block],
    };
    let answer: WitnessAnswer = rpc.request("caldera_getWitness", params).await?;
    let failed = |action, path: &Path| {
        let path = path.to_owned();
        move |source| VerifyCommandError::File { action, path, source }
    };
    fs::create_dir_all(out).map_err(failed("make folder", out))?;
    let number = answer.number.to::<u64>();
    let path = |kind: &str| out.join(format!("{number}.{kind}"));
    let (block, witness) = (path("block"), path("witness"));
    fs::write(&block, &answer.block).map_err(failed("write", &block))?;
    fs::write(&witness, &answer.witness).map_err(failed("write", &witness))?;
    let (block_bytes, witness_bytes) = (answer.block.len(), answer.witness.len());
    Ok(WitnessWritten { event: "witness", number, hash: answer.hash, block, witness, block_bytes, witness_bytes })
}
